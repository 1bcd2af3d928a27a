"""How many examples a task has, and other tasks cut to the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Examples
from innerloop.episodes import Stream, together
from innerloop.errors import InputError
from innerloop.tree import tree_map


@dataclass(frozen=True)
class Shape:
    """counts: support rows, (S,); or of each class, the largest first. Tasks of one shape are
    asked the same much of."""

    counts: tuple[int, ...]
    classes: bool

    @classmethod
    def of(cls, support: Examples) -> Shape:
        """
        >>> Shape.of(Examples(torch.zeros(3, 1), torch.tensor([0, 1, 1])))
        Shape(counts=(2, 1), classes=True)
        """
        real = support.y if support.mask is None else support.y[support.mask]
        if not support.is_classification:
            return cls((len(real),), classes=False)
        counts = torch.bincount(real, minlength=support.ways or 1)
        return cls(tuple(sorted(counts.tolist(), reverse=True)), classes=True)

    @property
    def name(self) -> str:
        """ "2-1" """
        return "-".join(map(str, self.counts))

    def stream(self, stream: Stream) -> Stream:
        """Tasks with at least as many examples."""
        ways = len(self.counts) if self.classes and stream.ways is not None else None
        return stream.replace(ways=ways, shots=max(self.counts))

    def cut(self, episodes: Episodes) -> Episodes | None:
        """Those of the tasks that have enough examples, cut to this shape; None if none has."""
        found = [self._cut(task) for task in episodes]
        kept = [task for task in found if task is not None]
        return together(kept) if kept else None

    def _cut(self, task: Any) -> Episode | None:
        places = self.places(task.support)
        if places is None:
            return None
        x = tree_map(lambda leaf: leaf[places], task.support.x)
        support = Examples(x, task.support.y[places], ways=task.support.ways)
        return Episode(support, task.query, task.task, task.classes)

    def places(self, support: Examples) -> Tensor | None:
        """Which rows to keep: the first of each class, the class with the most rows giving the
        most; of equal ones the first position."""
        if support.is_classification != self.classes:
            return None
        if not self.classes:
            [count] = self.counts
            return torch.arange(count) if len(support.y) >= count else None
        held = torch.bincount(support.y, minlength=support.ways or 1)
        if len(held) != len(self.counts):
            return None
        order = held.argsort(descending=True, stable=True).tolist()
        if any(held[c] < count for c, count in zip(order, self.counts, strict=True)):
            return None
        rows = [
            (support.y == c).nonzero()[:count, 0]
            for c, count in zip(order, self.counts, strict=True)
        ]
        return torch.cat(rows).sort().values


def drawn(
    stream: Stream, shape: Shape, tasks: int, seed: int, batch: int = 50
) -> Iterator[Episodes]:
    """The first `tasks` tasks of the stream in batches, cut to a shape; those that are too small
    for it are left out."""
    wide = shape.stream(stream)
    for first in range(0, tasks, batch):
        found: Any = wide.sample(seed, first // batch, batch)
        cut = shape.cut(found[: tasks - first])
        if cut is not None:
            yield cut


def too_few(got: int, least: int) -> InputError:
    return InputError(
        f"calibrating needs at least {least} meta-validation tasks of this shape, got {got}; train on "
        "more tasks, or give the new task fewer examples.",
        f"校准至少需要 {least} 个同样形状的元验证任务，收到 {got} 个；请用更多任务训练，或减少新任务的样本。",
    )
