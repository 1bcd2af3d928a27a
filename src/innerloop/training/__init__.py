"""The outer loop, what steers it, and the folder that a run lives in."""

from innerloop.training.control import (
    SCHEDULES,
    constant,
    cosine,
    linear,
    plateau,
)
from innerloop.training.course import Course, plan_course
from innerloop.training.loop import initialise_model, rounds, step
from innerloop.training.optimiser import OPTIMISERS, Optimiser, adam, adamw, sgd
from innerloop.training.state import State
from innerloop.training.verdict import Verdict

__all__ = [
    "OPTIMISERS",
    "SCHEDULES",
    "Course",
    "Optimiser",
    "State",
    "Verdict",
    "adam",
    "adamw",
    "constant",
    "cosine",
    "initialise_model",
    "linear",
    "plan_course",
    "plateau",
    "rounds",
    "sgd",
    "step",
]
