"""Whatever else a network computes: the four functions of one operation, derived by torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import jvp, vjp

from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place
from innerloop.tree import tree_map


@dataclass(frozen=True)
class Derived:
    """Any differentiable operation that treats rows alike."""

    f: Callable[..., Tensor]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        return self.f(*inputs), None

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        return self._back(tuple(inputs), g, needs), None

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        return moving(self.f, tuple(inputs), filled(inputs, along)), None

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        def back(*at: Tensor) -> tuple[Tensor, ...]:
            return tuple(c for c in self._back(at[:-1], at[-1], needs) if c is not None)

        inputs, g = place.inputs, place.g
        dg = torch.zeros_like(g) if move.g is None else move.g
        moved = iter(moving(back, (*inputs, g), (*filled(inputs, move.inputs), dg)))
        return [next(moved) if need else None for need in needs]

    def _back(self, inputs: tuple[Tensor, ...], g: Tensor, needs: Needs) -> list[Tensor | None]:
        wanted = [i for i, need in enumerate(needs) if need]

        def of_wanted(*some: Tensor) -> Tensor:
            every = list(inputs)
            for i, value in zip(wanted, some, strict=True):
                every[i] = value
            return self.f(*every)

        found = vjp(of_wanted, *(inputs[i] for i in wanted))[1](g)
        places = dict(zip(wanted, found, strict=True))
        return [places.get(i) for i in range(len(inputs))]


def moving(f: Callable[..., Any], at: tuple[Tensor, ...], along: tuple[Tensor, ...]) -> Any:
    """How f moves as its inputs move along: forward, or where an operation knows only the way
    back, by going back twice."""
    try:
        return jvp(f, at, along)[1]
    except NotImplementedError:
        y, back, *_ = vjp(f, *at)
        return vjp(back, tree_map(torch.zeros_like, y))[1](along)[0]


def filled(inputs: Inputs, along: Maybe) -> tuple[Tensor, ...]:
    pairs = zip(inputs, along, strict=True)
    return tuple(torch.zeros_like(i) if d is None else d for i, d in pairs)
