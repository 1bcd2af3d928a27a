"""Functions of each number by itself: y = f(x), with f' and f''."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.outer.explicit.rules.base import Inputs, Maybe, Move, Needs, Place, plus


@dataclass(frozen=True)
class Pointwise:
    """slopes(x, y) -> (f', f''), f'' None where it is zero. leak: the slope of negative numbers of a
    rectifier."""

    f: Callable[[Tensor], Tensor]
    slopes: Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
    leak: float | None = None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]:
        y = self.f(inputs[0])
        return y, self.slopes(inputs[0], y)

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]:
        return [kept[0] * g], kept

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]:
        [dx], (first, second) = along, kept
        if dx is None:
            return None, None
        return first * dx, None if second is None else second * dx

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe:
        straight = None if move.g is None else place.kept[0] * move.g
        return [straight if move.kept is None else plus(straight, move.kept * place.g)]


def leaky(slope: float) -> Pointwise:
    """max(x, slope x); slope 0 is the rectifier.

    >>> leaky(0.0).forward(torch.tensor([-1.0, 2.0]))[0]
    tensor([0., 2.])
    """

    def slopes(x: Tensor, y: Tensor) -> tuple[Tensor, None]:
        return torch.full_like(x, slope).masked_fill_(x > 0, 1.0), None

    return Pointwise(lambda x: F.leaky_relu(x, slope) if slope else x.relu(), slopes, slope)


def _tanh(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    first = 1 - y * y
    return first, -2 * y * first


def _sigmoid(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    first = y * (1 - y)
    return first, first * (1 - 2 * y)


def _silu(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    s = x.sigmoid()
    slope = s * (1 - s)
    return s + x * slope, slope * (2 + x * (1 - 2 * s))


def _gelu(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    density = (-x * x / 2).exp() / math.sqrt(2 * math.pi)
    return torch.special.ndtr(x) + x * density, density * (2 - x * x)


def _softplus(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    s = x.sigmoid()
    return s, s * (1 - s)


def _elu(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    bent = y + 1  # e^x below zero
    return torch.where(x > 0, 1.0, bent), torch.where(x > 0, 0.0, bent)


TANH = Pointwise(torch.tanh, _tanh)
SIGMOID = Pointwise(torch.sigmoid, _sigmoid)
SILU = Pointwise(F.silu, _silu)
GELU = Pointwise(F.gelu, _gelu)
SOFTPLUS = Pointwise(F.softplus, _softplus)
ELU = Pointwise(F.elu, _elu)
