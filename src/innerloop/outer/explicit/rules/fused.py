"""Batch norm, leaky rectifier and 2x2 max-pool as one layer, by kernels in C++.

The same functions as `Norm`, `leaky` and `MaxPool` one after the other, each number read once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.outer.explicit.native import call
from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place
from innerloop.outer.explicit.rules.layout import channels_last, empty, empty_like


class Kept(NamedTuple):
    mean: Tensor  # (C,)
    rstd: Tensor  # (C,)
    kind: Tensor  # like y, uint8: which place won, and whether it was bent
    hat: Tensor  # like y: the winner normalised; empty without a pool
    scale_: Tensor | None = None  # (C,) cotangents, once backward has been there
    shift_: Tensor | None = None


class Along(NamedTuple):
    x: Tensor
    m1: Tensor  # (C,) mean of dx
    m2: Tensor  # (C,) mean of dx hat
    hat: Tensor


@dataclass(frozen=True)
class FusedNorm:
    """y = pool(leaky(scale hat + shift)) of x (rows, C, H, W) in channels-last order."""

    eps: float
    slope: float = 1.0  # of negative values; 0 is the rectifier, 1 none
    pool: int = 1
    seen: int | None = None

    def seeing(self, rows: int) -> FusedNorm:
        return replace(self, seen=rows)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        x = channels_last(inputs[0])
        n, c, h, w = x.shape
        mean, rstd = x.new_empty(c), x.new_empty(c)
        y = empty(x, n, c, h // self.pool, w // self.pool)
        kind = empty(x, *y.shape, dtype=torch.uint8)
        hat = torch.empty_like(y) if self.pool == 2 else x.new_empty(0)
        seen = n if self.seen is None else self.seen
        sizes = (n, seen, h, w, c, self.pool, self.eps, self.slope)
        call("norm_forward", x, *inputs[1:], mean, rstd, y, kind, hat, *sizes)
        return y, Kept(mean, rstd, kind, hat)

    def backward(self, inputs: Inputs, kept: Kept, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        x, g = channels_last(inputs[0]), channels_last(g)
        n, c, h, w = x.shape
        scale_, shift_, gx = torch.empty_like(kept.mean), torch.empty_like(kept.mean), empty_like(x)
        seen = n if self.seen is None else self.seen
        of = (g, kept.kind, kept.hat, x, kept.mean, kept.rstd, inputs[1], scale_, shift_, gx)
        call("norm_backward", *of, n, seen, h, w, c, self.pool, self.slope)
        return [gx, scale_, shift_], kept._replace(scale_=scale_, shift_=shift_)

    def tangent(self, inputs: Inputs, kept: Kept, along: Maybe) -> tuple[Tensor | None, Any]:
        x = channels_last(inputs[0])
        n, c, h, w = x.shape
        dx = torch.zeros_like(x) if along[0] is None else channels_last(along[0])
        dscale, dshift = (torch.zeros_like(kept.mean) if d is None else d for d in along[1:])
        m1, m2 = torch.empty_like(kept.mean), torch.empty_like(kept.mean)
        dy = empty(x, n, c, h // self.pool, w // self.pool)
        hat = torch.empty_like(kept.hat)
        of = (dx, x, kept.mean, kept.rstd, inputs[1], dscale, dshift, kept.kind, kept.hat)
        call("norm_forward_tangent", *of, m1, m2, dy, hat, n, h, w, c, self.pool, self.slope)
        return dy, Along(dx, m1, m2, hat)

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        kept: Kept = place.kept
        along: Along = move.kept
        x, g = channels_last(place.inputs[0]), channels_last(place.g)
        n, c, h, w = x.shape
        dg = torch.zeros_like(g) if move.g is None else channels_last(move.g)
        dscale = torch.zeros_like(kept.mean) if move.inputs[1] is None else move.inputs[1]
        out = torch.empty_like(kept.mean), torch.empty_like(kept.mean), empty_like(x)
        of = (g, dg, kept.kind, kept.hat, along.hat, x, along.x, kept.mean, kept.rstd)
        assert kept.scale_ is not None, "backward comes first"
        assert kept.shift_ is not None
        by = (along.m1, along.m2, place.inputs[1], dscale, kept.scale_, kept.shift_)
        call("norm_backward_tangent", *of, *by, *out, n, h, w, c, self.pool, self.slope)
        return [out[2], out[0], out[1]]
