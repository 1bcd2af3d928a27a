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
from innerloop.bench.asked import (
    chosen_contenders,
    chosen_cores,
    chosen_minutes,
    chosen_parts,
)
from innerloop.bench.contenders import CONTENDERS, PLAIN
from innerloop.bench.growth import INNER_STEPS, Growth, growth
from innerloop.bench.machine import describe, peaks
from innerloop.bench.process import apart
from innerloop.bench.rounds import LEAST, TOLERANCE, TURN, measure, to_json
from innerloop.bench.serving import serve
from innerloop.bench.supply import supply
from innerloop.bench.workloads import WORKLOADS, Workload
from innerloop.training import files

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


def finite(value: Any) -> Any:
    """The same with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: finite(held) for key, held in value.items()}
    if isinstance(value, list):
        return [finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
