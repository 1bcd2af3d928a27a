"""Tasks that come as rows of their own: support and query are drawn from them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Examples
from innerloop.episodes import Draws, Span, Stream, ends, most, spelt, together
from innerloop.errors import InputError
from innerloop.tasks.base import Kind
from innerloop.tree import Tree, tree_map


def check_spans(stream: Stream, kind: Kind) -> None:
    """Ways, shots and queries leave every task something to learn from and to be judged on."""
    for rule, least in (("ways", 2), ("shots", 1), ("queries", 1)):
        value = getattr(stream, rule)
        if value is not None and ends(value)[0] < least:
            raise InputError(
                f"{rule} must be at least {least}, got {spelt(value)}; a task needs rows to "
                "learn from and to be judged on.",
                f"{rule} 至少为 {least}，收到 {spelt(value)}；任务需要可供学习和评判的样本。",
            )
    if stream.ways is not None and kind != "classification":
        raise InputError(
            f"{stream.name} is {kind} and has no classes, so ways does not apply; leave it out.",
            f"{stream.name} 是 {kind}，没有类别，ways 不适用；请去掉它。",
        )


@dataclass(frozen=True, kw_only=True)
class PoolStream(Stream):
    """Episodes of tasks that each have a pool of rows.

    Numbers and labels: `shots` rows are support, and of the others up to `queries` are query.
    Classes: likewise of each class; a task takes as many of its classes as there are, at most the
    larger end of `ways`. All of them stand in the order of their numbers, some in a random order.
    """

    kind: Kind

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans(self, self.kind)

    @abstractmethod
    def pool(self, number: int, rng: np.random.Generator) -> tuple[Tree, Tensor, int]:
        """(x, y, the task's global number) for the episode of this number."""

    @property
    def least(self) -> int:
        """Rows that a task, or each class of it, must have."""
        return ends(self.shots)[0] + ends(self.queries)[0]

    def draw(self, draws: Draws) -> Episodes:
        numbers = zip(draws.episodes.tolist(), draws.generators(), strict=True)
        return together([self._episode(*self.pool(n, rng), rng) for n, rng in numbers])

    def _episode(self, x: Tree, y: Tensor, task: int, rng: np.random.Generator) -> Episode:
        low, high = ends(self.shots)
        shots = low if low == high else int(rng.integers(low, high + 1))
        classes = self._classes(y, rng) if self.kind == "classification" else None
        places = (
            [np.arange(len(y))] if classes is None else [np.flatnonzero(y == c) for c in classes]
        )
        sides: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for rows in places:
            rows = rng.permutation(rows)
            given = min(shots, len(rows) - ends(self.queries)[0])
            sides[0].append(rows[:given])
            sides[1].append(rows[given : given + most(self.queries)])
        support, query = (self._side(x, y, rows, classes) for rows in sides)
        named = None if classes is None else torch.from_numpy(classes)
        return Episode(support, query, torch.tensor(task), named)

    def _classes(self, y: Tensor, rng: np.random.Generator) -> np.ndarray:
        numbers, counts = np.unique(y.numpy(), return_counts=True)
        enough = numbers[counts >= self.least]
        if len(enough) <= most(self.ways):
            return enough
        return rng.permutation(enough)[: most(self.ways)]

    def _side(
        self, x: Tree, y: Tensor, rows: list[np.ndarray], classes: np.ndarray | None
    ) -> Examples:
        chosen = torch.from_numpy(np.concatenate(rows))
        picked = tree_map(lambda leaf: as_numbers(leaf[chosen]), x)
        if classes is None:
            return Examples(picked, y[chosen])
        position = torch.from_numpy(np.repeat(np.arange(len(rows)), [len(r) for r in rows]))
        return Examples(picked, position, ways=len(rows))

    def enough(self, y: Tensor) -> bool:
        """Whether a task with these targets can be drawn."""
        if self.kind != "classification":
            return len(y) >= self.least
        counts = np.unique(y.numpy(), return_counts=True)[1]
        return int((counts >= self.least).sum()) >= ends(self.ways or 2)[0]


def as_numbers(x: Tensor) -> Tensor:
    """uint8 are pixels: [0, 1] in floating point."""
    return x / 255 if x.dtype == torch.uint8 else x


def least_rows(kind: Kind, ways: Span | None, least: int) -> str:
    if kind == "classification":
        return f"{spelt(ways)} classes with {least} rows each"
    return f"{least} rows"
