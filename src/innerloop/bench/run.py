"""The bench as a whole: the parts asked for, one after the other, as one dict for JSON."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from innerloop.algorithms import ALGORITHMS
from innerloop.bench.contenders import CONTENDERS, OURS, PLAIN, Contender, check_here, contender
from innerloop.bench.growth import INNER_STEPS, Growth, growth
from innerloop.bench.machine import cores as all_cores
from innerloop.bench.machine import describe, peaks
from innerloop.bench.process import apart
from innerloop.bench.rounds import LEAST, TOLERANCE, TURN, measure, to_json
from innerloop.bench.serving import serve
from innerloop.bench.supply import supply
from innerloop.bench.workloads import WORKLOADS, Workload
from innerloop.errors import InputError, not_one_of
from innerloop.training import files

PARTS = [*WORKLOADS, "memory", "supply", "serving"]
MINUTES, QUICK_MINUTES = 20.0, 2.0
MEMORY_QUICK = (1, 5, 20)
Show = Callable[[float, str], None]  # the share that is done, and what is in hand


def bench(
    only: Sequence[str] | None = None,
    against: Sequence[str] | None = None,
    *,
    minutes: float | None = None,
    quick: bool = False,
    cores: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    show: Show = lambda _share, _what: None,
) -> dict[str, Any]:
    """What was measured, as JSON holds it.

    only: names out of PARTS, all of them by default. against: contenders beside ours, all that are
    installed by default. minutes: of the timed rounds altogether; checking gradients, compiling and
    the other parts come on top. cores: how many may be used, all of them by default.
    out: a folder whose bench.json is written after each part.

    >>> bench([], ["plain"])["contenders"]
    ['innerloop', 'plain']
    """
    parts = chosen_parts(only)
    names = [each.name for each in chosen_contenders(against)]
    minutes = chosen_minutes(minutes, quick)
    cores = chosen_cores(cores)
    began = time.monotonic()
    found: dict[str, Any] = facts(names, minutes, quick, cores, seed)
    workloads = [sized(WORKLOADS[name], quick) for name in parts if name in WORKLOADS]
    if workloads:
        show(0.0, "peak")
        found["machine"]["gflops"] = peaks(sorted({1, cores}))
    share = minutes * 60 / max(1, len(workloads))
    for number, part in enumerate(parts):
        tell = partial(show, number / len(parts))
        if part in WORKLOADS:
            found["speed"][part] = speed(sized(WORKLOADS[part], quick), names, share, found, tell)
        else:
            found[part] = OTHERS[part](names, found, tell)
        found["minutes"] = round((time.monotonic() - began) / 60, 2)
        if out is not None:
            files.write_atomically(out / "bench.json", files.to_json(finite(found)).encode())
    show(1.0, "")
    return found


def sized(workload: Workload, quick: bool) -> Workload:
    return workload.quick() if quick else workload


def speed(
    workload: Workload,
    names: list[str],
    seconds: float,
    found: dict[str, Any],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    cores, seed = found["settings"]["cores"], found["settings"]["seed"]
    results = measure(workload, names, seconds=seconds, seed=seed, cores=cores, tell=tell)
    peak = {kind: by_cores[cores] for kind, by_cores in found["machine"]["gflops"].items()}
    return to_json(workload, results, peak)


def memory(names: list[str], found: dict[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    settings = found["settings"]
    steps = MEMORY_QUICK if settings["quick"] else INNER_STEPS
    cores, seed = settings["cores"], settings["seed"]
    grown = growth(names, inner_steps=steps, seed=seed, cores=cores, tell=tell)
    return {name: growth_json(each) for name, each in grown.items()}


def growth_json(growth: Growth) -> dict[str, Any]:
    return {**asdict(growth), "mb_per_inner_step": growth.per_step}


def supplies(
    names: list[str], found: dict[str, Any], tell: Callable[[str], None]
) -> dict[str, Any]:
    settings = found["settings"]
    tell("supply")
    with apart(settings["cores"]) as call:
        shares = call(
            supply, 3.0 if settings["quick"] else 30.0, settings["quick"], settings["seed"]
        )
    return {name: {**asdict(each), "share": each.share} for name, each in shares.items()}


def servings(
    names: list[str], found: dict[str, Any], tell: Callable[[str], None]
) -> dict[str, Any]:
    settings = found["settings"]
    tasks, width = (20, 16) if settings["quick"] else (1000, 64)
    rows = {}
    with apart(settings["cores"]) as call:
        for name in ALGORITHMS:
            tell(f"serving: {name}")
            rows[name] = asdict(call(serve, name, tasks, width, settings["seed"]))
    return rows


OTHERS = {"memory": memory, "supply": supplies, "serving": servings}


def facts(names: list[str], minutes: float, quick: bool, cores: int, seed: int) -> dict[str, Any]:
    """Machine, date, versions and settings: what a figure is worth without."""
    versions = {name: each.version for name, each in CONTENDERS.items()}
    return {
        "date": date.today().isoformat(),
        "machine": describe(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            **{name: version for name, version in versions.items() if name != PLAIN},
        },
        "settings": {
            "cores": cores,
            "seed": seed,
            "quick": quick,
            "minutes_of_rounds": minutes,
            "least_rounds": LEAST,
            "seconds_of_a_turn": TURN,
            "float64_tolerance": TOLERANCE,
        },
        "contenders": names,
        "absent": [name for name, each in CONTENDERS.items() if not each.is_here],
        "speed": {},
    }


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


def finite(value: Any) -> Any:
    """The same with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: finite(held) for key, held in value.items()}
    if isinstance(value, list):
        return [finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
