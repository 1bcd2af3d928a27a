"""How a run is steered: the learning rate over time, and when it is over.

Both are `(init, update)` pairs of pure functions. `init()` is a memory of plain numbers, kept in
the run's checkpoint; `update(memory, seen)` returns the decision and the memory after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from innerloop.errors import InputError
from innerloop.training.verdict import Verdict

Memory = dict[str, Any]
Decision = TypeVar("Decision")


class Seen(NamedTuple):
    """What a control may look at after a step.

    fraction: the share of the budget that is spent, 0 to 1. score: the validation metric where it
    was just taken, with the sign that makes higher better; None otherwise.
    """

    step: int
    fraction: float
    score: float | None = None


@dataclass(frozen=True)
class Control(Generic[Decision]):
    """A pair of pure functions, and the call that made them."""

    name: str
    settings: dict[str, Any]
    init: Callable[[], Memory]
    update: Callable[[Memory, Seen], tuple[Decision, Memory]]


Schedule = Control[float]  # decides the factor of the learning rate
Ending = Control[Verdict | None]


def spent(step: int, seconds: float, steps: int | None, minutes: float | None) -> float:
    """The share of the budget that is spent: of the steps or the minutes, whichever is further.

    >>> spent(50, 30.0, steps=200, minutes=1)
    0.5
    """
    shares = [0.0]
    if steps is not None:
        shares.append(step / steps if steps else 1.0)
    if minutes is not None:
        shares.append(seconds / (60 * minutes) if minutes else 1.0)
    return min(1.0, max(shares))


def _warmed(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


def _by_fraction(name: str, warmup: int, factor: Callable[[float], float]) -> Schedule:
    def update(memory: Memory, seen: Seen) -> tuple[float, Memory]:
        return _warmed(seen.step, warmup) * factor(seen.fraction), memory

    return Control(name, {"warmup": warmup}, dict, update)


def constant(*, warmup: int = 0) -> Schedule:
    """The learning rate as it is, after a linear rise over `warmup` steps."""
    return _by_fraction("constant", warmup, lambda fraction: 1.0)


def linear(*, warmup: int = 0) -> Schedule:
    """In a straight line to zero at the end of the budget, after a rise over `warmup` steps."""
    return _by_fraction("linear", warmup, lambda fraction: 1.0 - fraction)


def cosine(*, warmup: int = 0) -> Schedule:
    """(1 + cos(pi * fraction)) / 2, zero at the end of the budget, after a rise over `warmup` steps
    (Loshchilov and Hutter 2017, arXiv:1608.03983).

    A budget in minutes anneals over minutes; such a run can be resumed, but is bit-exact with no
    other, since no two runs take a step in the same time.

    >>> cosine().update({}, Seen(step=50, fraction=0.5))[0]
    0.5
    """
    return _by_fraction("cosine", warmup, lambda f: 0.5 * (1 + math.cos(math.pi * f)))


def plateau(*, factor: float = 0.5, patience: int = 3) -> Schedule:
    """Times `factor` whenever `patience` validations in a row brought no better metric."""
    if not 0 < factor < 1:
        raise InputError(
            f"plateau's factor must lie between 0 and 1, got {factor}; 0.5 halves the rate.",
            f"plateau 的 factor 必须在 0 与 1 之间，收到 {factor}；0.5 表示学习率减半。",
        )

    def init() -> Memory:
        return {"best": None, "since": 0, "factor": 1.0}

    def update(memory: Memory, seen: Seen) -> tuple[float, Memory]:
        memory = _watched(memory, seen)
        if memory["since"] >= patience:
            memory = {**memory, "since": 0, "factor": memory["factor"] * factor}
        return memory["factor"], memory

    return Control("plateau", {"factor": factor, "patience": patience}, init, update)


def _watched(memory: Memory, seen: Seen) -> Memory:
    """The best score so far, and how many validations ago it was. NaN is never better."""
    if seen.score is None:
        return memory
    best = memory["best"]
    if seen.score > (-math.inf if best is None else best):
        return {**memory, "best": seen.score, "since": 0}
    return {**memory, "since": memory["since"] + 1}


def budget(steps: int | None, minutes: float | None) -> Ending:
    """Over when the steps are done or the minutes have passed."""

    def update(memory: Memory, seen: Seen) -> tuple[Verdict | None, Memory]:
        if steps is not None and seen.step >= steps:
            return Verdict.OUT_OF_STEPS, memory
        return (Verdict.OUT_OF_TIME if seen.fraction >= 1 else None), memory

    return Control("budget", {"steps": steps, "minutes": minutes}, dict, update)


def patience(validations: int) -> Ending:
    """Over when so many validations in a row brought no better metric."""
    if validations < 1:
        raise InputError(
            f"patience counts validations and must be at least 1, got {validations}; 5 is usual.",
            f"patience 以验证次数计，至少为 1，收到 {validations}；常用 5。",
        )

    def update(memory: Memory, seen: Seen) -> tuple[Verdict | None, Memory]:
        memory = _watched(memory, seen)
        return (Verdict.CONVERGED if memory["since"] >= validations else None), memory

    return Control(
        "patience", {"validations": validations}, lambda: {"best": None, "since": 0}, update
    )


def target(score: float) -> Ending:
    """Over when a validation reaches this score (higher is better)."""

    def update(memory: Memory, seen: Seen) -> tuple[Verdict | None, Memory]:
        reached = seen.score is not None and seen.score >= score
        return (Verdict.REACHED if reached else None), memory

    return Control("target", {"score": score}, dict, update)


def first_of(*endings: Ending) -> Ending:
    """Over as soon as one of them is; the one named first gives the verdict."""

    def init() -> Memory:
        return {ending.name: ending.init() for ending in endings}

    def update(memory: Memory, seen: Seen) -> tuple[Verdict | None, Memory]:
        decided = {e.name: e.update(memory[e.name], seen) for e in endings}
        verdict = next((found for found, _ in decided.values() if found is not None), None)
        return verdict, {name: after for name, (_, after) in decided.items()}

    return Control("first_of", {e.name: e.settings for e in endings}, init, update)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "plateau": plateau,
}
