"""The same tasks with something about them changed: how a learner is probed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, OverStream
from innerloop.tree import tree_map

Change = Callable[[Episodes, np.ndarray], Episodes]
"""(T tasks, their numbers) -> the tasks as they are to be met."""


@dataclass(frozen=True, kw_only=True)
class ChangedStream(OverStream):
    """A stream's own tasks, each changed."""

    change: Change

    def draw(self, draws: Draws) -> Episodes:
        return self.change(self.stream.draw(draws), draws.episodes)


def shuffled_labels(tasks: Episodes, numbers: np.ndarray) -> Episodes:
    """The support labels of every task in another order: which label goes with which row is lost,
    what labels there are is not."""
    y, mask = tasks.support.y, tasks.support.mask
    keys = torch.from_numpy(Draws(0, "shuffled labels", numbers).unit(y.shape[1]))  # (T, S)
    real = torch.ones_like(keys, dtype=torch.bool) if mask is None else mask
    rows = torch.arange(y.shape[1]).expand_as(keys)
    order = torch.where(real, keys, 2.0 + rows).argsort(1)  # (T, S) real rows first, shuffled
    places = torch.where(real, 0.0, 1.0).argsort(dim=1, stable=True)  # where they stood
    moved = rows.clone().scatter(1, places, order)
    shuffled = y.gather(1, moved.view(*moved.shape, *[1] * (y.dim() - 2)).expand_as(y))
    return with_support(tasks, Examples(tasks.support.x, shuffled, mask, tasks.support.ways))


def doubled_rows(tasks: Episodes, numbers: np.ndarray) -> Episodes:
    """Every support row twice: nothing new is said."""
    support = tasks.support
    x, y = tree_map(twice, support.x), twice(support.y)
    mask = None if support.mask is None else twice(support.mask)
    return with_support(tasks, Examples(x, y, mask, support.ways))


def twice(leaf: Tensor) -> Tensor:
    return torch.cat([leaf, leaf], 1)


def of_one_class(support: Examples) -> Examples:
    """The rows of a task's first class alone; it still has as many ways.

    >>> support = Examples(torch.eye(3), torch.tensor([0, 1, 0]))
    >>> of_one_class(support).y, of_one_class(support).ways
    (tensor([0, 0]), 2)
    """
    rows = (support.y == 0).nonzero()[:, 0]
    return Examples(
        tree_map(lambda leaf: leaf[rows], support.x), support.y[rows], ways=support.ways
    )


def with_support(tasks: Episodes, support: Examples) -> Episodes:
    return Episodes(support, tasks.query, tasks.task, tasks.classes)
