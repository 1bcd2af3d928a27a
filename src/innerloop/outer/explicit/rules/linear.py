"""Maps that are linear in each input: their tangents are themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place, plus


@dataclass(frozen=True)
class Linear:
    """y = x w^T + b of x (rows, i), w (o, i), b (o,) or none."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        return F.linear(*inputs), None

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        x, w = inputs[:2]
        found = [g @ w if needs[0] else None, g.mT @ x if needs[1] else None]
        return [*found, g.sum(0) if needs[2] else None] if len(inputs) > 2 else found, None

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        x, w = inputs[:2]
        dx, dw, db = [*along, None][:3]
        moved = None if dx is None else F.linear(dx, w)
        moved = moved if dw is None else plus(moved, F.linear(x, dw))
        if db is None:
            return moved, None
        return db.expand(len(x), -1) if moved is None else moved + db, None

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        (inputs, kept, g), (dx, dw, *_), dg = place, move.inputs, move.g
        found = [None] * len(needs) if dg is None else self.backward(inputs, kept, dg, needs)[0]
        gx, gw, *gb = found
        gx = plus(gx, g @ dw) if needs[0] and dw is not None else gx
        gw = plus(gw, g.mT @ dx) if needs[1] and dx is not None else gw
        return [gx, gw, *gb]


@dataclass(frozen=True)
class Map:
    """Any linear map of one input: `there`, and `back`, its transpose, told the input."""

    there: Callable[[Tensor], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]  # (g, x) -> gx; of x only its shape counts

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        return self.there(inputs[0]), None

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        return [self.back(g, inputs[0])], None

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        return None if along[0] is None else self.there(along[0]), None

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        return [None if move.g is None else self.back(move.g, place.inputs[0])]


def reshaped(x: Tensor, *, tail: tuple[int, ...]) -> Tensor:
    """Other sizes of a row."""
    return x.reshape(len(x), *tail)


@dataclass(frozen=True)
class Sum:
    """a + b, where one may be spread over the other's rows."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        return inputs[0] + inputs[1], None

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        return [
            g.sum_to_size(i.shape) if need else None for i, need in zip(inputs, needs, strict=True)
        ], None

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        moved = plus(*along)
        if moved is None:
            return None, None
        return moved.expand(torch.broadcast_shapes(*(i.shape for i in inputs))), None

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        if move.g is None:
            return [None, None]
        return self.backward(place.inputs, place.kept, move.g, needs)[0]
