"""Ways, shots and queries: one number, or a range (low, high) where tasks differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from innerloop.episodes.draws import Draws
from innerloop.errors import InputError

Span = int | tuple[int, int]


def as_span(rule: str, value: object) -> Span:
    """5 -> 5, (5, 5) -> 5, [2, 10] -> (2, 10); a sentence for anything else.

    >>> as_span("ways", [2, 10]), as_span("shots", (3, 3))
    ((2, 10), 3)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        low, high = (as_span(rule, end) for end in value)
        if isinstance(low, int) and isinstance(high, int) and low <= high:
            return low if low == high else (low, high)
    raise InputError(
        f"{rule} must be a whole number or a range (low, high), got {value!r}; write 5 or (2, 10).",
        f"{rule} 必须是整数或范围 (low, high)，收到 {value!r}；请写 5 或 (2, 10)。",
    )


def ends(span: Span) -> tuple[int, int]:
    return span if isinstance(span, tuple) else (span, span)


def most(span: Span | None) -> int:
    """The larger end; 0 for None."""
    return 0 if span is None else ends(span)[1]


def spelt(span: Span | None) -> str:
    """For people.

    >>> spelt(5), spelt((2, 10))
    ('5', '2-10')
    """
    return "-".join(map(str, span)) if isinstance(span, tuple) else str(span)


def drawn(draws: Draws, span: Span) -> np.ndarray:
    """(T,) one number of the span per task, all equally likely; a single number is not drawn."""
    low, high = ends(span)
    if low == high:
        return np.full(len(draws), low, dtype=np.int64)
    return low + (draws.unit(1)[:, 0] * (high - low + 1)).astype(np.int64)
