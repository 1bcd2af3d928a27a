"""From one task to many: the meta-gradient over T tasks, and the learner that users hold."""

from innerloop.outer.learner import Learner, Spec, Suggestions, algorithm, like
from innerloop.outer.paths import tasks_at_once
from innerloop.outer.plan import PATHS, Plan

__all__ = [
    "PATHS",
    "Learner",
    "Plan",
    "Spec",
    "Suggestions",
    "algorithm",
    "like",
    "tasks_at_once",
]
