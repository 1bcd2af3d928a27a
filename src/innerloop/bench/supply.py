"""Episode supply: which part of the training loop's time goes into drawing tasks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from innerloop import tasks
from innerloop.algorithms import ALGORITHMS
from innerloop.core import Meta
from innerloop.models import conv4, mlp
from innerloop.outer import Learner, Totals
from innerloop.tasks import Tasks
from innerloop.training import initialise_model, plan_course, step
from innerloop.training.batches import prepare_data


@dataclass(frozen=True)
class Supply:
    """Seconds of drawing and of everything else, and the share of the first, over some steps."""

    steps: int
    drawing: float
    learning: float

    @property
    def share(self) -> float:
        return self.drawing / (self.drawing + self.learning)


def supply(seconds: float = 15.0, quick: bool = False, seed: int = 0) -> dict[str, Supply]:
    """For sine waves (25 tasks a step, the smallest step there is) and for images of letters.

    >>> sorted(supply(seconds=0.01, quick=True))
    ['glyphs, maml', 'glyphs, protonet', 'sinusoids, maml']
    """
    sine = tasks.sinusoids(shots=10)
    glyphs = tasks.glyphs(ways=5, shots=1, queries=15)
    maml = ALGORITHMS["maml"]
    width = 16 if quick else 64
    courses = {
        "sinusoids, maml": (maml(mlp(1, 1), inner_lr=0.01), sine, 25),
        "glyphs, maml": (maml(conv4(outputs=5, width=width), inner_lr=0.4), glyphs, 4),
        "glyphs, protonet": (ALGORITHMS["protonet"](conv4(width=width)), glyphs, 4),
    }
    each = seconds / len(courses)
    return {name: share(*course, seconds=each, seed=seed) for name, course in courses.items()}


def share(learner: Learner, family: Tasks, meta_batch: int, *, seconds: float, seed: int) -> Supply:
    """The training loop for so many seconds, after a first step."""
    course = plan_course(
        learner,
        family,
        steps=10**9,
        meta_batch=meta_batch,
        ways=family.train.ways,
        shots=family.train.shots,
        queries=family.train.queries,
        schedule="constant",
        validate_every=0,
        seed=seed,
    )
    layout, state = initialise_model(course)
    batches = prepare_data(course, 0)
    episodes = next(batches)

    def here(meta: Meta, step: int, tasks: range) -> Totals:
        return learner.totals(meta, episodes, step=step)

    state = step(course, layout, state, here)
    steps, drawing, learning = 0, 0.0, 0.0
    while steps < 3 or drawing + learning < seconds:
        began = time.perf_counter()
        episodes = next(batches)
        drawn = time.perf_counter()
        state = step(course, layout, state, here)
        drawing, learning = drawing + drawn - began, learning + time.perf_counter() - drawn
        steps += 1
    return Supply(steps, drawing, learning)
