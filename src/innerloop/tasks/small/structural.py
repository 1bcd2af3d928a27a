"""Small tables from random structural models: what a learner for any table can be trained on
(after Müller et al. 2022, arXiv:2112.10510; Hollmann et al. 2023, arXiv:2207.01848)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, Span, Stream, ends, most, spelt
from innerloop.episodes.spans import drawn
from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.small.mechanisms import MECHANISMS
from innerloop.tasks.small.numbers import Numbers
from innerloop.tasks.small.scaling import standardised
from innerloop.tasks.small.shaping import as_classes, as_columns


@dataclass(frozen=True, kw_only=True)
class StructuralStream(Stream):
    """Every episode is a table of a random structural model of its own.

    Ways, shots and queries are drawn once for every `block` of consecutive tasks, so that a batch
    within a block has no padding. x: (T, S, most features), see `structural`.
    """

    features: Span
    block: int

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"ways": 2, "shots": 2, "queries": 1, "features": 1, "block": 1}
        for rule, number in least.items():
            value = getattr(self, rule)
            if value is None or ends(value)[0] < number:
                raise InputError(
                    f"{rule} must be at least {number}, got {spelt(value)}; a table needs rows and "
                    "columns to learn from.",
                    f"{rule} 至少为 {number}，收到 {spelt(value)}；表格需要可供学习的行与列。",
                )
        if ends(self.ways or 2)[0] > ends(self.shots)[0]:
            raise InputError(
                f"each of {spelt(self.ways)} ways needs a labelled row, got shots={spelt(self.shots)} "
                "rows in all; raise --shots or lower --ways.",
                f"{spelt(self.ways)} 个类别各需一行有标签的样本，而 shots={spelt(self.shots)}（总行数）；"
                "请增大 --shots 或减小 --ways。",
            )

    @property
    def largest(self) -> tuple[int, int]:
        return most(self.shots), most(self.queries)

    @property
    def kind_names(self) -> tuple[str, ...]:
        return tuple(MECHANISMS)

    def kinds(self, seed: int, numbers: np.ndarray) -> np.ndarray:
        return drawn(Draws(seed, f"{self.name}/kinds", numbers), (0, len(MECHANISMS) - 1))

    def shapes(self, seed: int, numbers: np.ndarray) -> np.ndarray:
        """(T, 3) ways, shots and queries of these episodes; two classes are as likely as more."""
        shared = Draws(seed, f"{self.name}/shapes", numbers // self.block)
        shots, queries = drawn(shared, self.shots), drawn(shared, self.queries)
        low, high = ends(self.ways or 2)
        high = np.minimum(high, shots)
        ways = np.exp(np.log(low) + shared.unit(1)[:, 0] ** 2 * np.log((high + 1) / low))
        return np.stack([np.minimum(ways.astype(np.int64), high), shots, queries], 1)

    def draw(self, draws: Draws) -> Episodes:
        generators = draws.generators()
        shapes = self.shapes(draws.seed, draws.episodes)
        kinds = self.kinds(draws.seed, draws.episodes)
        groups = np.column_stack([shapes, kinds])
        _, shots, queries = shapes.max(0).tolist()
        x = torch.zeros(len(draws), shots + queries, most(self.features))
        y = torch.zeros(x.shape[:2], dtype=torch.int64)
        for group in np.unique(groups, axis=0):
            tasks = np.flatnonzero((groups == group).all(1))
            ways, s, q, kind = group.tolist()
            parts = tables(Numbers([generators[t] for t in tasks]), self.features, ways, s, q, kind)
            for whole, part in zip((x, y), parts, strict=True):
                whole[tasks, :s], whole[tasks, shots : shots + q] = part[:, :s], part[:, s:]
        return Episodes(
            self._side(x[:, :shots], y[:, :shots], shapes[:, [0, 1]]),
            self._side(x[:, shots:], y[:, shots:], shapes[:, [0, 2]]),
            torch.from_numpy(draws.episodes),
        )

    def _side(self, x: Tensor, y: Tensor, shapes: np.ndarray) -> Examples:
        """Rows (T, n, ...) with a mask if tasks differ. shapes: (T, 2) ways and real rows."""
        real = torch.arange(x.shape[1]) < torch.from_numpy(shapes[:, 1:])
        alike = (shapes == shapes[0]).all()
        return Examples(
            x.contiguous(), y.contiguous(), None if alike else real, ways=int(shapes[:, 0].max())
        )


def tables(
    numbers: Numbers, features: Span, ways: int, shots: int, queries: int, kind: int
) -> tuple[Tensor, Tensor]:
    """x (T, shots + queries, most features), the labelled rows first, and y (T, shots + queries)."""
    low, high = ends(features)
    many = numbers.log_uniform(1, 1, low=low, high=high + 1).long().clamp(low, high)
    there = torch.arange(high) < many  # (T, 1, features)
    made = list(MECHANISMS.values())[kind](numbers, shots + queries, there, ways)
    y = as_classes(numbers, made.scores, ways)
    order = labelled_first(y, ways)
    x = as_columns(numbers, made.x).gather(1, order[..., None].expand_as(made.x))
    scaled = torch.cat(standardised(x[:, :shots], x[:, shots:]), 1)
    return torch.where(there, scaled * (high / many).sqrt(), 0.0), y.gather(1, order)


def labelled_first(y: Tensor, ways: int) -> Tensor:
    """(T, rows) the rows as they come, but first one of each class: those that begin are labelled."""
    first = (y[..., None] == torch.arange(ways)).int().argmax(1)  # (T, N)
    return torch.ones_like(y).scatter(1, first, 0).argsort(dim=1, stable=True)


@checked()
def structural(
    *,
    shots: Span = (10, 60),
    queries: Span = 40,
    ways: Span = (2, 10),
    features: Span = (2, 30),
    block: int = 16,
) -> Tasks:
    """Made-up tables of any kind, from random structural models; every task is new.

    A learner trained on them can be asked about real tables of up to 30 features, which it has
    never seen (prior-fitted networks: Müller et al. 2022, arXiv:2112.10510; for tables: Hollmann
    et al. 2023, arXiv:2207.01848). A table's rows come from one of five mechanisms: a random graph of
    causes and effects of which some nodes are seen; classes by a linear, a smooth or a tree-like
    function of correlated features, many of which may not matter; a cloud or several per class.
    Then columns are stretched, cut into grades or named categories, and labels are noisy.

    shots: labelled rows of a task in all, one of each class among them. queries: other rows.
    ways: classes; two are as likely as all more together. features: few are as likely as many (the
        logarithm is uniform). block: so many consecutive tasks share ways, shots and queries.

    x: (rows, 30) standardised by the labelled rows, zeros behind a table's own features, and scaled
    by sqrt(30 / features), as `pmlb` gives it.

    >>> episodes = structural(shots=20, queries=10, ways=3).train.sample(tasks=4)
    >>> episodes.support.x.shape, episodes.query.y.shape
    (torch.Size([4, 20, 30]), torch.Size([4, 10]))
    """
    settings: dict[str, Any] = {
        "shots": shots,
        "queries": queries,
        "ways": ways,
        "features": features,
        "block": block,
    }
    streams: dict[str, Any] = {
        split: StructuralStream(name=f"structural/{split}", **settings) for split in SPLITS
    }
    return Tasks(
        "structural",
        "classification",
        **streams,
        settings=settings,
        input_shape=(most(features),),
    )
