"""How many tasks fit into memory at once: measured on the first two, in a copy of this process.

The copy may take no more than there is, so a network that is too large ends the copy and nothing
else. Chunks add up to what all tasks at once would give (`Totals.and_of`), but for rounding.
"""

from __future__ import annotations

import ctypes
import math
import multiprocessing
import os
import re
import sys
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch

from innerloop.core import Meta
from innerloop.errors import InputError, shown
from innerloop.outer.share import Share, parts_of
from innerloop.outer.totals import Totals, sum_of

UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
OURS = 0.8  # of the memory, since a measurement is not a promise
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def in_chunks(one: Share, at_once: int | None) -> Share:
    """The same share, of at most so many tasks at once; None for all of them."""
    if at_once is None:
        return one

    def share(meta: Meta, step: int, tasks: range) -> Totals:
        chunks = parts_of(tasks, math.ceil(len(tasks) / at_once))
        return sum_of(one(meta, step, chunk) for chunk in chunks)

    return share


class Need(NamedTuple):
    """Bytes at the peak of a step: of its first task, and of each that is taken with it."""

    first: float = 0.0
    further: float = 0.0


def need_of(one: Share, meta: Meta, *, together: bool = True) -> Need:
    """Measured; nothing where this system cannot say. One task tells all where they are not taken
    `together`."""
    if not can_measure():
        return Need()
    first = peak(one, meta, range(1))
    if not together or math.isinf(first):
        return Need(first, first)
    return Need(first, peak(one, meta, range(2)) - first)


def tasks_that_fit(need: Need, tasks: int, memory: float) -> int | None:
    """How many of so many tasks fit into `memory` bytes at once; None where all do.

    >>> tasks_that_fit(Need(3e9, 1e9), 8, 6e9), tasks_that_fit(Need(3e9, 1e9), 4, 6e9)
    (4, None)
    """
    if need.first + (tasks - 1) * need.further <= memory:
        return None
    return max(1, 1 + int((memory - need.first) / need.further))


def too_large(memory: float) -> InputError:
    return InputError(
        f"one task alone does not fit into the {spelt(memory)} that a process may take; give more "
        "(--memory), lower --inner-steps, --shots or --queries, or differentiate only the last "
        "steps: --through 'truncated(1)', another gradient.",
        f"仅一个任务就超出了一个进程可用的 {spelt(memory)} 内存；请给出更多（--memory），减小 --inner-steps、"
        "--shots 或 --queries，或只对最后几步求导：--through 'truncated(1)'（梯度将不同）。",
    )


def peak(one: Share, meta: Meta, tasks: range) -> float:
    """The bytes that these tasks take at their peak, infinite where they are more than there are; 0
    where the network fails for another reason, which will show itself."""
    context = multiprocessing.get_context("fork")
    near, far = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(one, meta, tasks, far), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    far.close()
    try:
        return float(near.recv())
    except EOFError:  # the system has ended it
        return math.inf
    finally:
        process.kill()
        process.join()
        near.close()


def measure(one: Share, meta: Meta, tasks: range, line: Connection) -> None:
    """The work of the copy: its peak, beyond what it was born with and needs."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    give_back()
    take_at_most(free_memory())
    born = of_this_process("VmRSS")
    try:
        one(meta, 0, tasks)
    except Exception as error:
        line.send(math.inf if lacks_memory(error) else 0.0)
        return
    line.send(of_this_process("VmHWM") - born)


def give_back() -> None:
    """What was taken before and is free now would hide what is taken from here on."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is what there is now


def take_at_most(memory: float) -> None:
    import resource

    if math.isfinite(memory):
        most = int(of_this_process("VmData") + memory)
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))


def of_this_process(name: str) -> float:
    """VmRSS, VmHWM or VmData, in bytes."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024.0 * int(found[1]) if found else 0.0


def can_measure() -> bool:
    return sys.platform == "linux" and not torch.cuda.is_initialized()


def lacks_memory(error: Exception) -> bool:
    """Whether Python, torch or a device could not have the memory they asked for."""
    if isinstance(error, MemoryError):
        return True
    words = ("allocate memory", "not enough memory", "out of memory", "Storage size calculation")
    return isinstance(error, RuntimeError) and any(each in str(error) for each in words)


def free_memory() -> float:
    """Bytes that this process may still take; infinite where the system does not say."""
    found = math.inf
    with suppress(OSError, ValueError, AttributeError):
        found = float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, TypeError):
        available = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text())
        found = 1024.0 * int(available[1])  # type: ignore[index]
    with suppress(OSError, ValueError):  # ValueError: no limit, written as "max"
        limit = int((CGROUP / "memory.max").read_text())
        found = min(found, float(limit - int((CGROUP / "memory.current").read_text())))
    return found


def bytes_of(memory: str) -> float:
    """
    >>> bytes_of("4GB"), bytes_of("1.5 gb")
    (4000000000.0, 1500000000.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MB|GB|TB)\s*", str(memory), re.IGNORECASE)
    if found is None or not float(found[1]):
        raise InputError(
            f"memory is a number of MB, GB or TB, got {shown(memory)}; write 4GB, say.",
            f"memory 是以 MB、GB 或 TB 计的数量，收到 {shown(memory)}；例如 4GB。",
        )
    return float(found[1]) * UNITS[found[2].upper()]


def spelt(memory: float) -> str:
    """
    >>> spelt(4e9), spelt(250e6)
    ('4.0 GB', '250 MB')
    """
    return f"{memory / 1e9:.1f} GB" if memory >= 1e9 else f"{memory / 1e6:.0f} MB"
