"""The plan of a run: what its bits depend on beside its settings."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import Any

import torch

from innerloop.devices import CPU
from innerloop.errors import InputError
from innerloop.inner import first_order, truncated
from innerloop.inner.through import Through
from innerloop.outer import PATHS, Learner, kernels
from innerloop.training.course import Course

Plan = dict[str, Any]

BEFORE = {
    "workers": 1,
    "ranks": 1,
    "kernels": None,
    "at_once": None,
    "last": None,
}  # what runs did that were written down before they could do otherwise
NOTES = ("seconds",)  # what was seen when the plan was made, and is no part of it
SPELT = {
    "explicit": ("known layers, no graph (explicit)", "已知层，无计算图（explicit）"),
    "pass": ("tasks batched, one pass back (pass)", "任务批处理，一次反向传播（pass）"),
    "vmap": ("tasks batched (vmap)", "任务批处理（vmap）"),
    "loop": ("one task after the other (loop)", "逐个任务（loop）"),
}


def plan_of(
    learner: Learner,
    meta_batch: int,
    workers: int | None,
    ranks: int = 1,
    device: torch.device = CPU,
) -> Plan:
    """What is asked for; where nothing is, what suits such learners. The rest is tried (`tried`).

    path, kernels: by what gradients are computed. ranks, workers, threads: who does it. at_once: how
    many tasks a process takes together, None for all. last: how many inner steps, the last ones, are
    differentiated; None for what the learner says.
    """
    if meta_batch < ranks:
        raise InputError(
            f"every process needs a task of each step: meta_batch is {meta_batch}, and there are "
            f"{ranks} processes; raise --meta-batch, or start fewer.",
            f"每个进程每步至少需要一个任务：meta_batch 为 {meta_batch}，而进程有 {ranks} 个；"
            "请增大 --meta-batch，或减少进程。",
        )
    if device != CPU and (workers or 1) > 1:
        raise InputError(
            f"workers share the processor, so they do not go with --device {device}, got {workers}; "
            "leave --workers out.",
            f"workers 分担处理器的工作，不能与 --device {device} 同用，收到 {workers}；请去掉 --workers。",
        )
    workers = (workers_for(learner) if device == CPU else 1) if workers is None else workers
    workers = min(workers, meta_batch // ranks)
    return {
        **({} if device == CPU else {"device": str(device)}),
        "path": learner.path,
        "kernels": kernels_of(learner.path),
        "ranks": ranks,
        "workers": workers,
        "at_once": None,
        "last": None,
        "threads": threads_for(learner, workers),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def kernels_of(path: str) -> str | None:
    """By what the explicit path does its small operations; the others have no such choice."""
    return kernels() if path == "explicit" else None


def workers_for(learner: Learner) -> int:
    """As many as torch would use threads (physical cores, unless one says otherwise) where a task
    keeps a core busy, as convolutional networks do; one where it does not."""
    return torch.get_num_threads() if learner.is_heavy else 1


def ways_for(learner: Learner, most: int) -> list[tuple[int, int]]:
    """(workers, threads) worth trying, in at most so many processes; the first of them is tried
    anyway, and where it takes next to nothing it is taken."""
    threads = torch.get_num_threads()
    alone = sorted({threads_for(learner, 1), threads})
    return [(1, count) for count in alone] + ([(most, 1)] if most > 1 else [])


def threads_for(learner: Learner, workers: int) -> int:
    """Of each process: what torch would use where this one alone does large operations; one where
    they are small, since two threads then wait for each other, and one of each of several processes
    (a copy of a process has no copies of its threads)."""
    return torch.get_num_threads() if learner.is_heavy and workers == 1 else 1


def resumed(plan: Plan, before: Plan, workers: int | None, memory: str | None) -> Plan:
    """The plan of a run that goes on: that on which it began, where nothing else is asked for."""
    before = {"threads": plan["threads"], **BEFORE, **before}
    found = dict(plan)
    if before["path"] in PATHS:
        found |= {"path": before["path"], "kernels": kernels_of(before["path"])}
    if workers is None:
        found["workers"] = before["workers"]
        found["threads"] = min(
            before["threads"], torch.get_num_threads()
        )  # as far as there are any
        found |= {note: before[note] for note in NOTES if note in before}
    if memory is None:
        found |= {"at_once": before["at_once"], "last": before["last"]}
    return found


def following(course: Course, plan: Plan) -> Course:
    """The course with a learner that does as the plan says."""
    learner = course.learner
    if plan["last"] is not None:
        learner = learner.replace(through=through_last(plan["last"]))
    if plan["path"] in PATHS and plan["path"] != learner.path:
        learner = learner.on_path(plan["path"])
    return course if learner is course.learner else replace(course, learner=learner)


def through_last(last: int) -> Through:
    return truncated(last) if last else first_order


def changed_plan(before: Plan, now: Plan) -> tuple[str, str] | None:
    """A sentence if a resumed run cannot promise the same bits."""
    before = {**BEFORE, **before}
    keys = [key for key in {**before, **now} if key not in NOTES]
    differ = [key for key in keys if before.get(key) != now.get(key)]
    if not differ:
        return None
    en = ", ".join(f"{key} was {before.get(key)}, is {now.get(key)}" for key in differ)
    zh = "，".join(f"{key} 原为 {before.get(key)}，现为 {now.get(key)}" for key in differ)
    return (
        f"This resume is no longer bit-exact, since the run began on another plan: {en}.",
        f"由于运行是在另一种方案下开始的，本次继续不再逐位一致：{zh}。",
    )


def sentence(plan: Plan) -> tuple[str, str]:
    """The plan in one line.

    >>> plan = {"path": "vmap", "ranks": 1, "workers": 2, "threads": 1, "at_once": 3, "last": None}
    >>> print(sentence({**plan, "seconds": {"1x1": 0.21, "2x1": 0.145}})[0])
    Plan: tasks batched (vmap), 3 at once, in 2 processes of 1 thread (145 ms a step; 210 ms as 1x1).
    """
    en, zh = SPELT.get(plan["path"], (plan["path"], plan["path"]))
    workers, ranks = plan["workers"], plan["ranks"]
    threads = plan["threads"]
    processes = "process" if workers == 1 else "processes"
    thread = "thread" if threads == 1 else "threads"
    if (last := plan["last"]) is not None:
        name = through_last(last).__name__  # type: ignore[attr-defined]
        en, zh = f"{en}, {name}", f"{zh}，{name}"
    if (some := plan["at_once"]) is not None:
        en, zh = f"{en}, {some} at once", f"{zh}，每次 {some} 个"
    on_each, each = "", ""
    if ranks > 1:
        on_each, each = f" on each of {ranks} ranks", f"{ranks} 个 rank，各 "
    seen, seen_zh = seconds_seen(plan)
    return (
        f"Plan: {en}, in {workers} {processes} of {threads} {thread}{on_each}{seen}.",
        f"方案：{zh}，{each}{workers} 个进程，每个 {threads} 线程{seen_zh}。",
    )


def seconds_seen(plan: Plan) -> tuple[str, str]:
    """Why there are so many processes, where that was tried."""
    seconds = dict(plan.get("seconds", {}))
    own = seconds.pop(way(plan["workers"], plan["threads"]), None)
    if own is None:
        return "", ""
    en = [f"{milliseconds(other)} as {name}" for name, other in seconds.items()]
    zh = [f"{name} 需 {milliseconds(other)}" for name, other in seconds.items()]
    first = milliseconds(own)
    return (
        f" ({'; '.join([f'{first} a step', *en])})",
        f"（{'；'.join([f'每步 {first}', *zh])}）",
    )


def way(workers: int, threads: int) -> str:
    """Processes, and threads of each.

    >>> way(1, 2)
    '1x2'
    """
    return f"{workers}x{threads}"


def milliseconds(seconds: float) -> str:
    """
    >>> milliseconds(0.0004), milliseconds(0.145)
    ('0.4 ms', '145 ms')
    """
    return f"{1000 * seconds:.1f} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"
