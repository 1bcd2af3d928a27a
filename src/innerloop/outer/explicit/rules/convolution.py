"""Convolution, bilinear in its input and its weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place, plus
from innerloop.outer.explicit.rules.layout import laid_out

ATEN: Any = torch.ops.aten


@dataclass(frozen=True)
class Convolution:
    """y = x * w + b of x (rows, i, ...), w (o, i, ...), b (o,) or none, in torch's own words."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        return self._of(*inputs), None

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        return self._back(g, inputs[0], inputs[1], needs), None

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        x, w = inputs[:2]
        dx, dw, db = [*along, None][:3]
        moved = None if dw is None else self._of(x, dw)
        if dx is not None:
            by_input = self._of(dx, w)
            moved = by_input if moved is None else moved.add_(by_input)
        if db is not None:
            db = db.view(-1, *[1] * (x.dim() - 2))
            moved = torch.zeros_like(self._of(x, w)) + db if moved is None else moved.add_(db)
        return moved, None

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        (x, w, *_), (dx, dw, *_), dg = place.inputs, move.inputs, move.g
        gx, gw, *gb = [None] * len(needs) if dg is None else self._back(dg, x, w, needs)
        through_w, through_x = needs[0] and dw is not None, needs[1] and dx is not None
        if through_w or through_x:
            further = self._back(
                place.g,
                x if dx is None else dx,
                w if dw is None else dw,
                (through_w, through_x, False),
            )
            gx, gw = plus(gx, further[0]), plus(gw, further[1])
        return [gx, gw, *gb]

    def _of(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        x, w = laid_out(x), laid_out(w)
        how = self.stride, self.padding, self.dilation, self.transposed, self.output_padding
        found: Tensor = ATEN.convolution(x, w, b, *how, self.groups)
        return found

    def _back(self, g: Tensor, x: Tensor, w: Tensor, needs: Needs) -> list[Tensor | None]:
        g, x, w = laid_out(g), laid_out(x), laid_out(w)
        how = self.stride, self.padding, self.dilation, self.transposed, self.output_padding
        mask = [*needs, False][:3]
        bias = [w.shape[1] * self.groups if self.transposed else w.shape[0]] if mask[2] else None
        found = ATEN.convolution_backward(g, x, w, bias, *how, self.groups, mask)
        return list(found[: len(needs)])
