"""Max-pooling: linear where the places that win stay the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place

ATEN: Any = torch.ops.aten


@dataclass(frozen=True)
class MaxPool:
    """The largest of each window of x (rows, channels, height, width)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil: bool

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        how = self.kernel, self.stride, self.padding, self.dilation, self.ceil
        y, winner = ATEN.max_pool2d_with_indices(inputs[0], *how)
        return y, winner

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        how = self.kernel, self.stride, self.padding, self.dilation, self.ceil
        return [ATEN.max_pool2d_with_indices_backward(g, inputs[0], *how, kept)], kept

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        if along[0] is None:
            return None, None
        won = along[0].flatten(2).gather(2, kept.flatten(2))
        return won.view(kept.shape), None

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        if move.g is None:
            return [None]
        return self.backward(place.inputs, place.kept, move.g, needs)[0]
