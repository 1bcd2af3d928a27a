"""More meta-training tasks between those there are: MLTI (Yao, Zhang and Finn 2022,
arXiv:2106.02695)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, OverStream, Span
from innerloop.errors import InputError, not_one_of
from innerloop.tasks.base import Tasks
from innerloop.tree import Tree, tree_leaves, tree_map


@dataclass(frozen=True, kw_only=True)
class InterpolatedStream(OverStream):
    """A stream's own tasks, of which a share is mixed with another of its tasks."""

    share: float

    def replace(self, **changes: Any) -> Self:
        share = changes.pop("share", self.share)
        return type(self).of(self.stream.replace(**changes), share=share)

    def draw(self, draws: Draws) -> Episodes:
        own, other = self.stream.draw(draws), self.stream.draw(draws.apart("partner"))
        mixed, weight = draws.apart("mixing").unit(2).T
        kept = np.sin(np.pi / 2 * weight) ** 2  # Beta(1/2, 1/2), by its distribution function
        kept = torch.from_numpy(np.where(mixed < self.share, kept, 1.0).astype(np.float32))
        shared = bool(getattr(getattr(self.stream, "bank", None), "shared", False))
        return Episodes(
            between(own.support, other.support, kept),
            between(own.query, other.query, kept),
            own.task,
            own.classes if shared else None,  # a class between two is neither
        )


def between(own: Examples, other: Examples, kept: Tensor) -> Examples:
    """kept (T,) of each task's own rows, and the rest of the other's rows at the same places. Rows
    that pad, or of another class or label than their partner, stay as they are."""
    rows = min(own.y.shape[1], other.y.shape[1])
    fits = torch.zeros(own.y.shape[:2], dtype=torch.bool)
    fits[:, :rows] = True
    for side in (own, other):
        if side.mask is not None:
            fits[:, :rows] &= side.mask[:, :rows]
    numbers = own.y.dtype.is_floating_point
    if not numbers:
        alike = own.y[:, :rows] == other.y[:, :rows]
        fits[:, :rows] &= alike.flatten(2).all(2) if alike.dim() > 2 else alike
    weight = torch.where(fits, kept[:, None], 1.0)  # (T, rows)

    def mix(a: Tensor, b: Tensor) -> Tensor:
        share = weight[:, :rows].view(len(a), rows, *[1] * (a.dim() - 2)).to(a.dtype)
        mixed = torch.where(share < 1, share * a[:, :rows] + (1 - share) * b[:, :rows], a[:, :rows])
        return torch.cat([mixed, a[:, rows:]], 1)

    x = tree_map(mix, own.x, other.x)
    return Examples(x, mix(own.y, other.y) if numbers else own.y, own.mask, own.ways)


def interpolate(tasks: Tasks, share: float = 0.5) -> Tasks:
    """The family, whose meta-training tasks are mixed in pairs, a `share` of them.

        x = m x_1 + (1 - m) x_2,   y likewise where it is a number,   m ~ Beta(1/2, 1/2) for each pair

    Support and query of a pair are mixed alike, row by row. Class i of one task with class i of the
    other makes a new class i; where classes mean the same in every task they stay what they are.
    So a few tasks become many, against learning them by heart. The paper also mixes hidden
    features; here inputs are. Meta-validation and meta-test tasks stay as they are.
    Pretraining on all classes (`finetune`) cannot use it: mixed classes have no number.

    >>> from innerloop.tasks import sinusoids
    >>> tasks = interpolate(sinusoids(shots=5), share=1.0)
    >>> tasks.train.sample(tasks=3).support.y.shape, tasks.test.name
    (torch.Size([3, 5, 1]), 'sinusoids/test')
    """
    if not 0 < share <= 1:
        raise InputError(
            f"share is the part of the tasks that is mixed, above 0 and up to 1, got {share}; 0.5 is "
            "usual.",
            f"share 是被混合任务的比例，应大于 0 且不超过 1，收到 {share}；通常用 0.5。",
        )
    x: Tree = tasks.train.sample(0, 0, 1).support.x
    if not all(leaf.is_floating_point() for leaf in tree_leaves(x)):
        raise InputError(
            f"only numbers can be mixed, but the inputs of {tasks.name} are whole numbers that stand for "
            "something (tokens, categories); leave interpolate out.",
            f"只有数值可以混合，而 {tasks.name} 的输入是代表符号的整数（词元、类别）；请去掉 interpolate。",
        )
    settings = {"of": tasks.name, "share": share, "settings": tasks.settings}
    train = InterpolatedStream.of(tasks.train, share=share)
    return replace(tasks, name="interpolated", train=train, settings=settings)


@checked()
def interpolated(
    *,
    of: str = "sinusoids",
    share: float = 0.5,
    settings: Mapping[str, Any] | None = None,
    ways: Span | None = None,
    shots: Span | None = None,
    queries: Span | None = None,
) -> Tasks:
    """Another family, with tasks between its meta-training tasks (Yao et al. 2022, arXiv:2106.02695).

    of: the family's name, settings: its own, both as `interpolate` writes them down; share: see there.

    >>> interpolated(of="linear", shots=3).train.sample(tasks=2).support.x.shape
    torch.Size([2, 3, 1])
    """
    from innerloop.tasks import TASKS  # where this family stands itself

    if of not in TASKS or of == "interpolated":
        raise not_one_of("of", [name for name in TASKS if name != "interpolated"], of)
    shape = {"ways": ways, "shots": shots, "queries": queries}
    asked = {name: value for name, value in shape.items() if value is not None}
    return interpolate(TASKS[of](**{**(settings or {}), **asked}), share)
