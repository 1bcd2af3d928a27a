"""Prepare data: the episodes of a step, and what the learner makes of them in this process."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator

import numpy as np
from torch import Generator

from innerloop.core import Episodes, Meta
from innerloop.devices import to_device
from innerloop.outer import Totals
from innerloop.training.course import Course
from innerloop.tree import tree_leaves

DRAWN_AT_ONCE, DRAWN_BYTES = 16, 1 << 20  # batches drawn together, and how large they may be


class Here:
    """The share of this process: it draws the tasks that it is asked for, and no others.

    Random layers draw from numbers that belong to the step and to the first of these tasks, so that
    a resumed run draws the same, and one that shares out its tasks otherwise draws others.
    """

    def __init__(self, course: Course):
        self._course = course
        self._batches: dict[range, tuple[int, Iterator[Episodes]]] = {}

    def __call__(self, meta: Meta, step: int, tasks: range) -> Totals:
        course = self._course
        purpose = "steps" if tasks.start == 0 else f"steps from task {tasks.start}"
        generator = generator_of(course.seed, purpose, step)
        episodes = self._episodes(step, tasks)
        return course.learner.totals(meta, episodes, step=step, generator=generator)

    def _episodes(self, step: int, tasks: range) -> Episodes:
        """Steps mostly come one after the other, and those drawn together are kept until then."""
        following, batches = self._batches.pop(tasks, (-1, iter(())))
        if following != step:
            batches = prepare_data(self._course, step, tasks)
        episodes = next(batches)
        self._batches[tasks] = (step + 1, batches)
        return episodes


def prepare_data(course: Course, first: int, tasks: range | None = None) -> Iterator[Episodes]:
    """The batches of step `first` and those after it, or of each only some tasks: the same whoever
    draws them and when.

    Small ones are drawn several at once, since a draw costs more than its numbers.
    """
    one = course.train.sample(course.seed, 0, course.meta_batch)  # refused where it is too large
    own = np.asarray(range(course.meta_batch) if tasks is None else tasks)
    size = sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(one))
    together = max(1, min(DRAWN_AT_ONCE, DRAWN_BYTES // max(1, size)))
    drawn: list[Episodes] = []
    for step in itertools.count(first):
        number, place = divmod(step, together)
        if not drawn or place == 0:
            steps = np.arange(number * together, (number + 1) * together)
            numbers = steps[:, None] * course.meta_batch + own
            several = course.train.numbered(course.seed, numbers.reshape(-1))
            drawn = to_device(several, course.device).split(len(own))
        yield drawn[place]


def generator_of(seed: int, purpose: str, step: int) -> Generator:
    """Random numbers that belong to one purpose and step, so that none need be saved."""
    key = hashlib.blake2b(f"{seed} {purpose} {step}".encode(), digest_size=7).digest()
    return Generator().manual_seed(int.from_bytes(key, "little"))
