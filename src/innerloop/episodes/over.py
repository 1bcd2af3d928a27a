"""A stream whose tasks are another's, changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from innerloop.core import Episodes
from innerloop.episodes.stream import Stream


@dataclass(frozen=True, kw_only=True)
class OverStream(Stream):
    """What it says of its tasks is what `stream` says of them; `draw` says how they are changed."""

    stream: Stream = field(repr=False)

    @classmethod
    def of(cls, stream: Stream, **more: Any) -> Self:
        """Over this stream, with its name, ways, shots and queries."""
        shape = {n: getattr(stream, n) for n in ("name", "ways", "shots", "queries")}
        return cls(stream=stream, **shape, **more)

    @property
    def notes(self) -> tuple[str, ...]:
        return self.stream.notes

    @property
    def scale(self) -> float:
        """Of a standardised target; see `tasks.tables`."""
        return float(getattr(self.stream, "scale", 1.0))

    def describe(self, episodes: Episodes, t: int) -> str:
        return self.stream.describe(episodes, t)
