"""What turns sentences into numbers, the same ones whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Encoder(Protocol):
    """Sentences -> rows of numbers; frozen, so that a sentence's row depends on nothing else.

    name: its key, and with it what its cached rows are known by. width: numbers of a row.
    slow: whether rows are worth keeping on disk.
    """

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int: ...

    @property
    def slow(self) -> bool: ...

    def encode(self, texts: Sequence[str]) -> Any:
        """(n, width) float32, an array or a scipy.sparse one."""
