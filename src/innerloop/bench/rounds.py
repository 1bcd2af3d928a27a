"""The protocol: check, then A B A B, one contender at a time, and medians of ratios within a round."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from innerloop.bench.contenders import OURS, PLAIN, contender
from innerloop.bench.flops import flops
from innerloop.bench.material import Arrays
from innerloop.bench.process import Failed, Remote, started
from innerloop.bench.workloads import Workload

TOLERANCE = 1e-8  # of the gradient in double precision, relative to its length
LEAST, MOST = 3, 25  # rounds
TURN = 0.5  # seconds that a turn lasts at least, if a step is shorter
STEPS = 500  # of a turn at most

Tell = Callable[[str], None]


@dataclass
class Result:
    """What was found of one contender on one workload.

    status: "ok", "wrong" (its gradient differs), "failed" (error says why), "cannot" (no way to do
    it), "absent" (not installed). seconds: of a step, the median of each round's turn.
    """

    status: str
    error: str | None = None
    float64_error: float | None = None
    float32_error: float | None = None
    how: str = ""
    setup_seconds: float | None = None
    first_seconds: float | None = None
    idle_mb: float | None = None
    peak_mb: float | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        return median(self.seconds) if self.seconds else None


def measure(
    workload: Workload,
    names: list[str],
    *,
    seconds: float,
    seed: int = 0,
    cores: int = 1,
    tell: Tell = lambda _: None,
) -> dict[str, Result]:
    """The contenders on one workload; the rounds last about so many seconds altogether."""
    tell(f"{workload.name}: {PLAIN}, float64")
    plain, reference = checked(workload, PLAIN, None, seed, cores)
    results = dict.fromkeys(names, plain)
    for name in names:
        if name != PLAIN:
            tell(f"{workload.name}: {name}, float64")
            results[name], _ = checked(workload, name, reference, seed, cores)
    with ExitStack() as open_processes:
        runners: dict[str, Remote] = {}
        for name, result in results.items():
            if result.status != "ok":
                continue
            tell(f"{workload.name}: {name}")
            try:
                at = started(name, workload, seed=seed, cores=cores)
                remote = open_processes.enter_context(at)
                begin(remote, result, reference)
                runners[name] = remote
            except Failed as failure:
                results[name] = Result("failed", str(failure))
        take_turns(workload, runners, results, seconds, tell)
    return results


def checked(
    workload: Workload, name: str, reference: Arrays | None, seed: int, cores: int
) -> tuple[Result, Arrays | None]:
    """Whether the gradient in double precision is the plain loop's."""
    asked = contender(name)
    if not asked.is_here:
        return Result("absent"), None
    if not asked.can(workload):
        return Result("cannot"), None
    if reference is None and name != PLAIN:
        return Result("failed", "there is no gradient of the plain loop to hold it against"), None
    try:
        with started(name, workload, seed=seed, precision="float64", cores=cores) as remote:
            found = remote.gradient()
    except Failed as failure:
        return Result("failed", str(failure)), None
    error = distance(found, reference or found)
    if not error <= TOLERANCE:
        said = f"its gradient differs from the plain loop's by {error:.1e} of its length"
        return Result("wrong", said, error), found
    return Result("ok", float64_error=error), found


def distance(found: Arrays, reference: Arrays) -> float:
    """How far two gradients are apart, relative to the length of the second."""
    if set(found) != set(reference):
        return float("inf")
    pairs = [(found[n].astype("float64"), g.astype("float64")) for n, g in reference.items()]
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    apart = sum(float(((a - b) ** 2).sum()) for a, b in pairs)
    length = sum(float((b**2).sum()) for _, b in pairs)
    return float(np.sqrt(apart / length)) if length else float(apart > 0)


def begin(remote: Remote, result: Result, reference: Arrays | None) -> None:
    """The first gradient, which may compile; and how exact single precision is."""
    began = time.perf_counter()
    found = remote.gradient()
    result.first_seconds = time.perf_counter() - began
    result.setup_seconds, result.idle_mb = remote.setup_seconds, remote.idle
    if reference is not None:
        result.float32_error = distance(found, reference)
    result.how = remote.how()


def take_turns(
    workload: Workload,
    runners: dict[str, Remote],
    results: dict[str, Result],
    seconds: float,
    tell: Tell,
) -> None:
    """Rounds in which each contender has one turn, until the time is over."""
    began, done = time.monotonic(), 0
    counts = dict.fromkeys(runners, 1)
    while runners and done < MOST and (done < LEAST or time.monotonic() - began < seconds):
        tell(f"{workload.name}: {done + 1}")
        for name, remote in list(runners.items()):
            try:
                turn = remote.steps(counts[name])
            except Failed as failure:
                results[name] = Result("failed", str(failure))
                del runners[name]
                continue
            step = median(turn.each)
            counts[name] = max(1, min(STEPS, round(TURN / max(step, 1e-9))))
            results[name].peak_mb = turn.megabytes
            if done:  # the first round warms up
                results[name].seconds.append(step)
        done += 1


def times_faster(ours: Result | None, other: Result) -> float | None:
    """How many times as long the other takes, the median over rounds; None where one is not timed."""
    if ours is None or not ours.seconds or not other.seconds:
        return None
    return median(b / a for a, b in zip(ours.seconds, other.seconds, strict=True))


def to_json(
    workload: Workload, results: dict[str, Result], peak: dict[str, float]
) -> dict[str, Any]:
    """peak: {"fma": GFLOP/s, "gemm": GFLOP/s} of as many cores as were used."""
    work = flops(workload)
    rows = {}
    for name, result in results.items():
        row = {k: v for k, v in vars(result).items() if v not in (None, "", [])}
        if (step := result.median) is not None:
            row |= {"seconds_median": step, "tasks_per_second": workload.tasks / step}
            if work is not None:
                shares = {f"share_of_{k}_peak": work / step / 1e9 / v for k, v in peak.items()}
                row |= {"gflops": work / step / 1e9, **shares}
            if name != OURS:
                row["ours_is_times_faster"] = times_faster(results.get(OURS), result)
        rows[name] = row
    settings = {
        "algorithm": workload.algorithm,
        "model": workload.model,
        "model_settings": dict(workload.settings),
        "inputs": list(workload.inputs),
        "tasks": workload.tasks,
        "ways": workload.ways,
        "shots": workload.shots,
        "queries": workload.queries,
        "inner_steps": workload.inner_steps,
        "inner_lr": workload.inner_lr,
        "whole_step": workload.whole,
    }
    nominal = None if work is None else work / 1e9
    return {"settings": settings, "gflop_per_step": nominal, "contenders": rows}
