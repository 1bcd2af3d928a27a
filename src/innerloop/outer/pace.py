"""In how many processes a step is fastest: tried, since it depends on the network and on the machine.

What processes cost (questions, answers, caches and memory that they share) and what they save is
not known before, and on a machine that others use as well it is another every time.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

from innerloop.core import Meta
from innerloop.outer.share import Share
from innerloop.outer.workers import Workers

SHORT = 0.003  # seconds of a step: one that takes no longer is not worth sharing out
TIMES, SPENT = (2, 5), 0.2  # how often each is timed: at least, and at most; seconds for it

Clock = Callable[[], float]


class Way(NamedTuple):
    """A share in so many processes; one alone has so many threads."""

    share: Share
    workers: int
    threads: int


def paces(
    ways: Sequence[Way], meta: Meta, tasks: range, clock: Clock = time.perf_counter
) -> list[float]:
    """Seconds of a step by each of these ways, of which the first is that of one process: where that
    takes next to nothing, no other is tried.

    >>> from innerloop.outer.totals import Totals
    >>> import torch
    >>> def one(meta, step, tasks):
    ...     return Totals.of({}, torch.zeros(len(tasks)), {})
    >>> len(paces([Way(one, 1, 1), Way(one, 2, 1)], Meta({}, {}), range(4)))
    1
    """
    alone, *others = ways
    found = [pace(alone, meta, tasks, clock)]
    if found[0] > SHORT:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a way that fails is no faster, and that is all
            found += [pace(way, meta, tasks, clock) for way in others]
    return found


def pace(way: Way, meta: Meta, tasks: range, clock: Clock) -> float:
    """Seconds of a step: the least of a few, after a first one in which everything is new."""
    found: list[float] = []
    with Workers(*way) as share:
        share(meta, 0, tasks)
        while len(found) < TIMES[0] or (len(found) < TIMES[1] and sum(found) < SPENT):
            began = clock()
            share(meta, 1 + len(found), tasks)
            found.append(clock() - began)
    return min(found)
