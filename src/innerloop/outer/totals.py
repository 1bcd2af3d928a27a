"""Sums and counts over tasks: what chunks, workers and ranks find adds up to what one would find."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from innerloop.core import MetaGradient, Params
from innerloop.tree import tree_map


class Totals(NamedTuple):
    """losses (t,) and kept (t,) of each of t tasks; grads and state: sums over those kept (of a
    state that counts in integers, what the first of them left)."""

    losses: Tensor
    kept: Tensor
    grads: Params
    state: Params

    @classmethod
    def of(cls, grads: Params, losses: Tensor, states: Params) -> Totals:
        """Of t tasks of which each leaf has a row. A task whose loss or gradient is not finite is
        left out, and the others count.

        >>> Totals.of({"w": torch.tensor([1.0, torch.nan])}, torch.ones(2), {}).grads
        {'w': tensor(1.)}
        """
        kept = torch.isfinite(losses)
        for leaf in grads.values():
            kept = kept & torch.isfinite(leaf).reshape(len(kept), -1).all(1)

        def over_kept(leaf: Tensor) -> Tensor:
            if not leaf.is_floating_point():
                return leaf[kept][0] if kept.any() else leaf[0]
            return torch.where(kept.view(-1, *[1] * (leaf.dim() - 1)), leaf, 0).sum(0)

        return cls(losses, kept, tree_map(over_kept, grads), tree_map(over_kept, states))

    def and_of(self, other: Totals) -> Totals:
        """Of both groups of tasks, these first."""

        def both(a: Tensor, b: Tensor) -> Tensor:
            if not a.is_floating_point():
                return a if self.kept.any() else b
            return a + b

        return Totals(
            torch.cat([self.losses, other.losses]),
            torch.cat([self.kept, other.kept]),
            tree_map(both, self.grads, other.grads),
            tree_map(both, self.state, other.state),
        )

    def mean(self, state: Params) -> MetaGradient:
        """The gradient of the mean loss over the tasks kept, and the state after them."""
        count = self.kept.sum().clamp(min=1)
        new = state
        if self.kept.any():
            new = {**state, **{n: divided(leaf, count) for n, leaf in self.state.items()}}
        each = torch._foreach_div(list(self.grads.values()), count) if self.grads else ()
        grads = dict(zip(self.grads, each, strict=True))
        return MetaGradient(self.losses, grads, new, self.kept)


def divided(leaf: Tensor, count: Tensor) -> Tensor:
    return leaf / count if leaf.is_floating_point() else leaf


def sum_of(parts: Iterable[Totals]) -> Totals:
    return reduce(Totals.and_of, parts)
