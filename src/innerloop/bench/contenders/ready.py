"""What a contender is once it is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from innerloop.bench.material import Arrays


class Ready(NamedTuple):
    """gradient() -> the meta-gradient at the problem's weights and tasks, by name, in torch's layout;
    asked for before any step.

    step(): one meta-step: gradient and Adam, and tasks of its own where the workload is whole.
    how(): how it goes about it, for the table.
    """

    gradient: Callable[[], Arrays]
    step: Callable[[], None]
    how: Callable[[], str] = str
