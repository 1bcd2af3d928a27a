"""Ctrl-C and a polite kill end a run after the step in hand, so that nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether SIGINT or SIGTERM has come. A second one acts at once,
    as it would have without us."""
    come = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield come.is_set  # only the main thread is told of signals
        return
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: Any) -> None:
        come.set()
        restore()

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, note)
    try:
        yield come.is_set
    finally:
        restore()
