"""Batch norm by the statistics of the batch, or of its first rows (a support set before queries)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place


class Kept(NamedTuple):
    hat: Tensor  # normalised x
    rstd: Tensor  # (C,) 1 / sqrt(variance + eps)


class Along(NamedTuple):
    hat: Tensor
    ratio: Tensor  # (C,) by how much rstd grows, as a share of it


@dataclass(frozen=True)
class Norm:
    """y = scale hat + shift, hat = (x - mean) rstd; x (rows, C, ...), inputs x, scale, shift.

    With m the number of places that give the statistics and sums over all others than channels:

        g_shift = sum g,   g_scale = sum g hat
        g_x = scale rstd (g - (g_shift + hat g_scale) / m),   of the later rows scale rstd g
    """

    eps: float
    seen: int | None = None  # rows that give the statistics; None: all of them

    def seeing(self, rows: int) -> Norm:
        return Norm(self.eps, rows)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        x, scale, shift = inputs
        var, mean = torch.var_mean(x[: self.seen], others(x), correction=0)
        rstd = torch.rsqrt(var + self.eps)
        hat = (x - wide(mean, x)) * wide(rstd, x)
        return hat * wide(scale, x) + wide(shift, x), Kept(hat, rstd)

    def backward(self, inputs: Inputs, kept: Kept, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        (x, scale, _), dims = inputs, others(g)
        shift_, scale_ = g.sum(dims), (g * kept.hat).sum(dims)
        common = (wide(shift_, x) + kept.hat[: self.seen] * wide(scale_, x)) / self._places(x)
        gx = self._centred(g, common) * wide(scale * kept.rstd, x)
        return [gx, scale_, shift_], kept

    def tangent(self, inputs: Inputs, kept: Kept, along: Maybe) -> tuple[Tensor | None, Any]:
        (x, scale, _), (dx, dscale, dshift) = inputs, along
        moved, dhat = None, None
        if dx is not None:
            few, dims = dx[: self.seen], others(x)
            ratio = -(few * kept.hat[: self.seen]).mean(dims) * kept.rstd
            dhat = (dx - wide(few.mean(dims), x)) * wide(kept.rstd, x) + kept.hat * wide(ratio, x)
            moved = dhat * wide(scale, x)
        if dscale is not None:
            part = kept.hat * wide(dscale, x)
            moved = part if moved is None else moved + part
        if dshift is not None:
            moved = wide(dshift, x).expand_as(x) if moved is None else moved + wide(dshift, x)
        return moved, None if dhat is None else Along(dhat, ratio)

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        (x, scale, _), kept, g = place
        (_, dscale, _), along, dims = move.inputs, move.kept, others(g)
        dg = torch.zeros_like(g) if move.g is None else move.g
        dhat = torch.zeros_like(g) if along is None else along.hat
        shift_, scale_ = g.sum(dims), (g * kept.hat).sum(dims)
        dshift_ = dg.sum(dims)
        dscale_ = (dg * kept.hat + g * dhat).sum(dims)
        hat, dhat, places = kept.hat[: self.seen], dhat[: self.seen], self._places(x)
        common = (wide(shift_, x) + hat * wide(scale_, x)) / places
        dcommon = (wide(dshift_, x) + dhat * wide(scale_, x) + hat * wide(dscale_, x)) / places
        factor = scale * kept.rstd
        dfactor = torch.zeros_like(factor) if dscale is None else dscale * kept.rstd
        if along is not None:
            dfactor = dfactor + factor * along.ratio
        gx = self._centred(dg, dcommon) * wide(factor, x)
        return [gx + self._centred(g, common) * wide(dfactor, x), dscale_, dshift_]

    def _places(self, x: Tensor) -> int:
        return x[: self.seen].numel() // x.shape[1]

    def _centred(self, g: Tensor, common: Tensor) -> Tensor:
        if self.seen is None:
            return g - common
        return torch.cat([g[: self.seen] - common, g[self.seen :]])


def others(x: Tensor) -> list[int]:
    return [d for d in range(x.dim()) if d != 1]


def wide(channels: Tensor, x: Tensor) -> Tensor:
    return channels.view(1, -1, *[1] * (x.dim() - 2))
