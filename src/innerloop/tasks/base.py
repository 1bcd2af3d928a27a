"""A family of tasks: three streams of episodes with nothing in common but the family."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from innerloop.episodes import Stream

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Tasks:
    """A named family with its meta-train, meta-validation and meta-test streams.

    settings: what rebuilds the family by name, as JSON.
    """

    name: str
    kind: Literal["classification", "regression"]
    train: Stream
    validation: Stream
    test: Stream
    settings: dict[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> Stream:
        return getattr(self, name)  # type: ignore[no-any-return]

    def replace(self, **changes: Any) -> Tasks:
        """The same family with other ways, shots or queries in all three splits."""
        changes = {k: v for k, v in changes.items() if v is not None}
        splits = {name: self.split(name).replace(**changes) for name in SPLITS}
        return replace(self, **splits, settings={**self.settings, **changes})
