"""A run that goes on with a larger budget than it was begun with."""

from __future__ import annotations

import math
from typing import Any

from innerloop.training import State, Verdict
from innerloop.training.control import Seen, spent
from innerloop.training.folder import Settings, name_of
from innerloop.training.loop import Paced

LARGER = ("steps", "minutes", "patience")  # None is no limit
BUDGET = (*LARGER, "target", "validate_every")  # what may differ; the last follows from the steps
OVER = (Verdict.DIVERGED, Verdict.NOTHING_TO_TRAIN)  # more budget changes nothing


def extends(before: Settings, now: Settings) -> bool:
    """Whether only the budget differs, and is larger in something and smaller in nothing."""
    then, here = before["training"], now["training"]
    if name_of(without_budget(before)) != name_of(without_budget(now)):
        return False
    limits = [(limit(then, name), limit(here, name)) for name in LARGER]
    either = [(a, b) for a, b in limits if math.isfinite(a) and math.isfinite(b)]
    changed = [name for name in (*LARGER, "target") if then.get(name) != here.get(name)]
    return bool(changed) and all(b >= a for a, b in either)


def limit(training: dict[str, Any], name: str) -> float:
    value = training.get(name)
    return math.inf if value is None else value


def without_budget(settings: Settings) -> Settings:
    training = {n: value for n, value in settings["training"].items() if n not in BUDGET}
    return {**settings, "training": training}


def gone_on(course: Paced, state: State, *, extended: bool) -> State:
    """The state from which the course goes on: one that was over is so no longer if there is
    budget left. The schedule is that of the new budget."""
    fraction = spent(state.step, state.seconds, course.steps, course.minutes)
    stopped = state.verdict in (Verdict.OUT_OF_STEPS, Verdict.OUT_OF_TIME)
    if state.verdict in OVER or fraction >= 1 or not (extended or stopped):
        return state
    factor, rate = course.schedule.update(state.rate, Seen(state.step, fraction))
    ending = {**course.ending.init(), **state.ending}
    return state._replace(verdict=None, factor=factor, rate=rate, ending=ending)


def sentence(course: Paced, state: State) -> tuple[str, str]:
    name = course.schedule.name
    return (
        f"The run goes on after step {state.step} with a larger budget. A schedule that follows the "
        f"budget (here {name}) continues as for the new one, so the result is not, bit for bit, "
        "that of a run of this length from the start.",
        f"运行在第 {state.step} 步之后以更大的预算继续。依赖预算的调度（此处为 {name}）按新的预算继续，"
        "因此结果与从头运行同样长度的结果并非逐位一致。",
    )
