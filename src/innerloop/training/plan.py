"""The plan of a run: what its bits depend on beside its settings."""

from __future__ import annotations

import math
import os
import platform
from typing import Any

import torch

from innerloop.core import Meta
from innerloop.devices import CPU
from innerloop.errors import InputError
from innerloop.outer import Learner, kernels
from innerloop.outer.memory import OURS, bytes_of, free_memory, tasks_that_fit
from innerloop.training.batches import Here
from innerloop.training.course import Course

Plan = dict[str, Any]

LARGE = 100e6  # bytes of weights, over all tasks and inner steps: from here on memory is measured
BEFORE = {
    "workers": 1,
    "ranks": 1,
    "kernels": None,
    "at_once": None,
}  # what runs did that were written down before they could do otherwise
PATHS = {
    "explicit": ("known layers, no graph (explicit)", "已知层，无计算图（explicit）"),
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
    """What is asked for; where nothing is, what suits the learner and this machine."""
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
        "at_once": None,  # all tasks of a process, unless memory holds fewer
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


def threads_for(learner: Learner, workers: int) -> int:
    """Of each process: what torch would use where this one alone does large operations; one where
    they are small, since two threads then wait for each other, and one of each of several processes
    (a copy of a process has no copies of its threads)."""
    return torch.get_num_threads() if learner.is_heavy and workers == 1 else 1


def at_once(course: Course, meta: Meta, plan: Plan, memory: str | None) -> int | None:
    """How many tasks each process takes at once: measured where memory is given, or where a step may
    be large."""
    steps = course.learner.spec.settings.get("inner_steps") or 0
    weights = sum(p.numel() * p.element_size() for p in meta.params.values())
    large = course.learner.is_heavy or course.meta_batch * weights * (1 + steps) > LARGE
    if memory is None and not large:
        return None
    there_is = free_memory() if memory is None else bytes_of(memory)
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if plan["ranks"] > 1 else 1
    tasks = math.ceil(course.meta_batch / (plan["ranks"] * plan["workers"]))
    return tasks_that_fit(Here(course), meta, tasks, there_is * OURS / plan["workers"] / beside)


def changed_plan(before: Plan, now: Plan) -> tuple[str, str] | None:
    """A sentence if a resumed run cannot promise the same bits."""
    before = {**BEFORE, **before}
    differ = [key for key in {**before, **now} if before.get(key) != now.get(key)]
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

    >>> print(sentence({"path": "vmap", "ranks": 1, "workers": 2, "threads": 1, "at_once": 3})[0])
    Plan: tasks batched (vmap), 3 at once, in 2 processes of 1 thread.
    """
    en, zh = PATHS.get(plan["path"], (plan["path"], plan["path"]))
    workers, ranks = plan["workers"], plan["ranks"]
    threads = plan["threads"]
    processes = "process" if workers == 1 else "processes"
    thread = "thread" if threads == 1 else "threads"
    if (some := plan["at_once"]) is not None:
        en, zh = f"{en}, {some} at once", f"{zh}，每次 {some} 个"
    on_each, each = "", ""
    if ranks > 1:
        on_each, each = f" on each of {ranks} ranks", f"{ranks} 个 rank，各 "
    return (
        f"Plan: {en}, in {workers} {processes} of {threads} {thread}{on_each}.",
        f"方案：{zh}，{each}{workers} 个进程，每个 {threads} 线程。",
    )
