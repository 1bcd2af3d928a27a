"""How much memory a process and those it started hold."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

PROC = Path("/proc")


def peak_megabytes(process: int | None = None) -> float:
    """The most that the process (this one by default) and its children have held, each at its own
    peak. Where the system does not say it of others (no /proc), of this process alone.

    >>> 10 < peak_megabytes() < 1e6
    True
    """
    process = os.getpid() if process is None else process
    if not (PROC / str(process) / "status").exists():
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return sum(peak_of(each) for each in [process, *descendants(process)])


def peak_of(process: int) -> float:
    try:
        text = (PROC / str(process) / "status").read_text()
    except OSError:  # it has just ended
        return 0.0
    lines = [line for line in text.splitlines() if line.startswith("VmHWM:")]
    return float(lines[0].split()[1]) / 1024 if lines else 0.0


def descendants(process: int) -> list[int]:
    found = []
    for file in (PROC / str(process) / "task").glob("*/children"):
        try:
            children = [int(word) for word in file.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def free_megabytes() -> float:
    """What can still be had; no bound where the system does not say."""
    try:
        text = (PROC / "meminfo").read_text()
    except OSError:
        return float("inf")
    line = next((s for s in text.splitlines() if s.startswith("MemAvailable:")), None)
    return float(line.split()[1]) / 1024 if line else float("inf")
