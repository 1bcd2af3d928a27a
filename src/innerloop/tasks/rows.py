"""Tasks of numbers whose rows are made as they are asked for: the first are support, then query."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Examples
from innerloop.episodes import Draws, Stream, ends, spelt, together
from innerloop.episodes.spans import drawn
from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS, Tasks, no_classes


@dataclass(frozen=True, kw_only=True)
class RowStream(Stream):
    """Regression tasks; a family says in `make` how random numbers become the rows of a task.

    A range of shots or queries is drawn once for every `block` of consecutive tasks. So a batch
    that lies within a block, say of 16 tasks, has one shape and no padding.
    rows: where queries are a range, a task has at most so many rows in all, or the fewest queries.
    """

    block: int = 16
    rows: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ways is not None:
            raise no_classes(self.name.partition("/")[0])
        for rule in ("shots", "queries"):
            value = getattr(self, rule)
            if ends(value)[0] < 1:
                raise InputError(
                    f"{rule} must be at least 1, got {spelt(value)}; a task needs rows to learn "
                    "from and to be judged on.",
                    f"{rule} 至少为 1，收到 {spelt(value)}；任务需要可供学习和评判的样本。",
                )
        for name in ("block", "rows"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(
                    f"{name} must be at least 1, got {number}; leave it out for the usual one.",
                    f"{name} 至少为 1，收到 {number}；不写则用默认值。",
                )

    @abstractmethod
    def make(self, draws: Draws, rows: int) -> tuple[Tensor, Tensor]:
        """x (T, rows, in) and y (T, rows, out) of len(draws) tasks."""

    @property
    def most_rows(self) -> int:
        """Support and query rows of the largest task."""
        shots, (fewest, queries) = ends(self.shots)[1], ends(self.queries)
        both = shots + queries
        return max(shots + fewest, both if self.rows is None else min(both, self.rows))

    def counts(self, seed: int, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(T,), (T,) how many support and query rows these episodes have."""
        if isinstance(self.shots, int) and isinstance(self.queries, int):
            return np.full(len(numbers), self.shots), np.full(len(numbers), self.queries)
        shared = Draws(seed, f"{self.name}/rows", numbers // self.block)
        shots = drawn(shared, self.shots)
        low, high = ends(self.queries)
        if self.rows is not None:
            high = np.clip(self.rows - shots, low, high)
        return shots, low + (shared.unit(1)[:, 0] * (high - low + 1)).astype(np.int64)

    def draw(self, draws: Draws) -> Episodes:
        # Always as many rows as the largest task has, so that a task is what it is in any batch.
        x, y = self.make(draws, self.most_rows)
        shots, queries = self.counts(draws.seed, draws.episodes)
        task = torch.from_numpy(draws.episodes)
        if (shots == shots[0]).all() and (queries == queries[0]).all():
            return Episodes(*divided(x, y, int(shots[0]), int(queries[0])), task)
        counts = zip(shots.tolist(), queries.tolist(), strict=True)
        each = zip(x, y, counts, task, strict=True)
        return together([Episode(*divided(a, b, *count), number) for a, b, count, number in each])


def divided(x: Tensor, y: Tensor, shots: int, queries: int) -> tuple[Examples, Examples]:
    """The first `shots` rows of (..., rows, in) and (..., rows, out), and the `queries` after."""
    support, query = (
        Examples(x[..., rows, :].contiguous(), y[..., rows, :].contiguous())
        for rows in (slice(shots), slice(shots, shots + queries))
    )
    return support, query


def row_tasks(
    stream: Callable[..., RowStream],
    name: str,
    *,
    input_shape: tuple[int, ...] = (1,),
    settings: dict[str, Any],
    **own: Any,
) -> Tasks:
    """The family whose three splits draw alike, from other random numbers.

    settings: the family's, which its streams have as fields; own: further fields.
    """
    splits: dict[str, Any] = {
        split: stream(name=f"{name}/{split}", **settings, **own) for split in SPLITS
    }
    return Tasks(name, "regression", **splits, settings=settings, input_shape=input_shape)
