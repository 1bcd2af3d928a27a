"""The C library's way with large blocks of memory."""

from __future__ import annotations

import ctypes
import functools
import os

OPTIONS = {-3: 1 << 30, -1: (1 << 31) - 1, -2: 1 << 26}  # mmap threshold, trim threshold, top pad


@functools.cache
def keep_memory() -> None:
    """Ask it to keep large blocks that are given back, for the life of this process: every step needs
    the same ones again, and fresh pages cost as much as the arithmetic on them (a convolutional
    network's step took 440 ms instead of 250). `INNERLOOP_ALLOCATOR=system` leaves it as it is.
    """
    if os.name != "posix" or os.environ.get("INNERLOOP_ALLOCATOR") == "system":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has none
        for option, size in OPTIONS.items():
            mallopt(option, size)
