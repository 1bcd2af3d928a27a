"""What only a trial tells of a plan: what memory holds, and in how many processes a step is fastest."""

from __future__ import annotations

import math
import os
import warnings

import torch

from innerloop.core import Meta
from innerloop.devices import CPU
from innerloop.inner import unrolled
from innerloop.language import say
from innerloop.outer import Learner, Way, paces
from innerloop.outer.memory import (
    OURS,
    Need,
    bytes_of,
    free_memory,
    in_chunks,
    need_of,
    peak,
    spelt,
    tasks_that_fit,
    too_large,
)
from innerloop.training.batches import Here, prepare_data
from innerloop.training.course import Course
from innerloop.training.plan import Plan, following, threads_for, through_last, way, ways_for

LARGE = 100e6  # bytes of weights, over all tasks and inner steps: from here on memory is measured
LONG = 200  # steps: in a shorter run, trying processes takes longer than it can save


def tried(
    course: Course, meta: Meta, plan: Plan, workers: int | None = None, memory: str | None = None
) -> Plan:
    """The plan, completed; `workers` and `memory` are what was asked for."""
    room, need = math.inf, Need()
    if memory is not None or may_be_large(course, meta):
        room = room_of(plan, memory)
        plan, need = fitted(course, meta, plan, room / (workers or 1))
        course = following(course, plan)
    if workers is not None:
        return holding(course, plan, need, room)
    tasks = math.ceil(course.meta_batch / plan["ranks"])
    most = min(tasks, torch.get_num_threads()) if course.device == CPU else 1
    if need.first * most > room:
        most = max(1, int(room / need.first))
    if not is_long(course):
        count = min(plan["workers"], most)
        plan = {**plan, "workers": count, "threads": threads_for(course.learner, count)}
        return holding(course, plan, need, room)
    ways = ways_for(course.learner, most) if course.device == CPU else [(1, plan["threads"])]
    plans = [
        holding(course, {**plan, "workers": count, "threads": threads}, need, room)
        for count, threads in ways
    ]
    return plans[0] if len(plans) == 1 else fastest(course, meta, plans, range(tasks))


def may_be_large(course: Course, meta: Meta) -> bool:
    steps = course.learner.spec.settings.get("inner_steps") or 0
    weights = sum(p.numel() * p.element_size() for p in meta.params.values())
    return course.learner.is_heavy or course.meta_batch * weights * (1 + steps) > LARGE


def room_of(plan: Plan, memory: str | None) -> float:
    """Bytes that this process and its workers may take."""
    there_is = free_memory() if memory is None else bytes_of(memory)
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if plan["ranks"] > 1 else 1
    return there_is * OURS / beside


def holding(course: Course, plan: Plan, need: Need, room: float) -> Plan:
    """With as many tasks at once as there is room for."""
    workers = plan["workers"]
    tasks = math.ceil(course.meta_batch / (plan["ranks"] * workers))
    abreast = course.learner.route.abreast(tasks, plan["threads"])
    return {**plan, "at_once": tasks_that_fit(need, abreast, room / workers)}


def fastest(course: Course, meta: Meta, plans: list[Plan], tasks: range) -> Plan:
    """The first of these plans is for one process; where that is fast, the others are not tried."""
    ways = [Way(in_chunks(Here(course), p["at_once"]), p["workers"], p["threads"]) for p in plans]
    seconds = paces(ways, meta, tasks)
    seen = {
        way(plan["workers"], plan["threads"]): round(s, 6)
        for plan, s in zip(plans, seconds, strict=False)
    }
    return {**plans[seconds.index(min(seconds))], "seconds": seen}


def is_long(course: Course) -> bool:
    return course.steps is None or course.steps >= LONG


def fitted(course: Course, meta: Meta, plan: Plan, room: float) -> tuple[Plan, Need]:
    """What tasks need; where one alone needs more than there is, fewer of its inner steps are
    differentiated, and the plan says of how many."""
    need = need_in(course, meta)
    if need.first <= room:
        return plan, need
    last = largest_last(course, meta, plan, room)
    if last is None:
        raise too_large(room)
    warnings.warn(say(*truncated_for(room, course.learner, last)), stacklevel=4)
    plan = {**plan, "last": last}
    return plan, need_in(following(course, plan), meta)


def need_in(course: Course, meta: Meta) -> Need:
    """The path comes first: by some of them, tasks are taken one after the other anyway."""
    learner = course.learner
    learner.route.choose(learner.method, meta, next(prepare_data(course, 0)))
    return need_of(Here(course), meta, together=learner.route.abreast(2) == 2)


def largest_last(course: Course, meta: Meta, plan: Plan, room: float) -> int | None:
    """How many of the inner steps, the last ones, can be differentiated; None where there is no room
    for any number, or the learner has no choice."""

    def fits(last: int) -> bool:
        some = following(course, {**plan, "last": last})
        return peak(Here(some), meta, range(1)) <= room

    fitting, too_many = -1, differentiated(course.learner)
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        fitting, too_many = (middle, too_many) if fits(middle) else (fitting, middle)
    return fitting if fitting >= 0 else None


def differentiated(learner: Learner) -> int:
    """How many inner steps the outer gradient passes through, of a learner that lets one choose."""
    settings = learner.spec.settings
    steps, through = settings.get("inner_steps") or 0, settings.get("through")
    return steps if through is unrolled else min(steps, getattr(through, "last", 0))


def truncated_for(room: float, learner: Learner, last: int) -> tuple[str, str]:
    name = through_last(last).__name__  # type: ignore[attr-defined]
    steps = learner.spec.settings["inner_steps"]
    return (
        f"One task alone does not fit into the {spelt(room)} that a process may take, so of its {steps} "
        f"inner steps only the last {last} are differentiated ({name}), which is another gradient; "
        "with more memory it is the one asked for.",
        f"仅一个任务就超出了一个进程可用的 {spelt(room)} 内存，因此其 {steps} 个内循环步中只对最后 {last} 步求导"
        f"（{name}），梯度与所要求的不同；增加内存即可得到原来的梯度。",
    )
