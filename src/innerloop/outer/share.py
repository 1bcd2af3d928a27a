"""A step's tasks shared out: among processes, machines, and what memory holds at once.

Every way of sharing out is a `Share` made of another one, so they nest, and what each finds adds up
to what one would have found alone (`Totals.and_of`), in the order of the tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from innerloop.core import Meta
from innerloop.outer.totals import Totals

Share = Callable[[Meta, int, range], Totals]
"""(meta, step, tasks) -> the sums over these tasks of that step, which are numbered from 0."""


def parts_of(tasks: range, count: int) -> list[range]:
    """The tasks in `count` parts, one after the other, whose sizes differ by at most one.

    >>> parts_of(range(5), 2)
    [range(0, 3), range(3, 5)]
    """
    size, larger = divmod(len(tasks), count)
    starts = [part * size + min(part, larger) for part in range(count + 1)]
    return [tasks[a:b] for a, b in pairwise(starts)]
