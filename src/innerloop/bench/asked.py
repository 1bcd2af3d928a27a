"""What the user asks of the bench, checked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from innerloop.bench.contenders import CONTENDERS, OURS, Contender, check_here, contender
from innerloop.bench.machine import cores as all_cores
from innerloop.bench.workloads import WORKLOADS
from innerloop.errors import InputError, not_one_of

PARTS = [*WORKLOADS, "memory", "supply", "serving"]
MINUTES, QUICK_MINUTES = 20.0, 2.0


def chosen_parts(only: Sequence[str] | None) -> list[str]:
    for name in only or ():
        if name not in PARTS:
            raise not_one_of("--only", PARTS, name)
    return [part for part in PARTS if only is None or part in only]


def chosen_contenders(against: Sequence[str] | None) -> list[Contender]:
    """Ours first; by default all that are known, and those that are missing are named as absent."""
    asked = [contender(name) for name in against] if against is not None else []
    for each in asked:
        check_here(each)
    others = asked if against is not None else [*CONTENDERS.values()]
    return [CONTENDERS[OURS], *(each for each in others if each.name != OURS)]


def chosen_minutes(minutes: float | None, quick: bool) -> float:
    if minutes is None:
        return QUICK_MINUTES if quick else MINUTES
    if not (math.isfinite(minutes) and minutes > 0):
        raise InputError(
            f"--minutes is the time of the rounds and must be above 0, got {minutes}; "
            f"{MINUTES:.0f} is usual.",
            f"--minutes 是各轮计时的总时间，必须大于 0，收到 {minutes}；常用 {MINUTES:.0f}。",
        )
    return minutes


def chosen_cores(cores: int | None) -> int:
    most = all_cores()
    if cores is not None and not 1 <= cores <= most:
        raise InputError(
            f"--cores must be from 1 to {most}, what this machine has, got {cores}; write --cores 1.",
            f"--cores 必须在 1 到 {most}（本机核心数）之间，收到 {cores}；例如 --cores 1。",
        )
    return most if cores is None else cores
