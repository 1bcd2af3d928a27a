"""Weights that are drawn, and layers that are applied."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from innerloop.core import Params


def orthogonal(rows: int, columns: int, generator: Generator | None, scale: float = 1.0) -> Tensor:
    """(rows, columns) with orthonormal rows or columns, times `scale` (Saxe et al. 2014,
    arXiv:1312.6120)."""
    draw = torch.randn(max(rows, columns), min(rows, columns), generator=generator)
    q, r = torch.linalg.qr(draw)
    q = q * r.diagonal().sign()
    return scale * (q if rows >= columns else q.T)


def linear_weights(
    name: str, inputs: int, outputs: int, generator: Generator | None, scale: float = 1.0
) -> Params:
    return {
        f"{name}.weight": orthogonal(outputs, inputs, generator, scale),
        f"{name}.bias": torch.zeros(outputs),
    }


def linear(params: Params, name: str, x: Tensor) -> Tensor:
    return F.linear(x, params[f"{name}.weight"], params[f"{name}.bias"])


def gru_weights(name: str, inputs: int, width: int, generator: Generator | None) -> Params:
    """Of `gru.cell`: the three gates one below the other."""
    recurrent = [orthogonal(width, width, generator) for _ in range(3)]
    bound = 1 / math.sqrt(max(1, inputs))
    given = torch.empty(3 * width, inputs).uniform_(-bound, bound, generator=generator)
    return {
        f"{name}.input": given,
        f"{name}.input_bias": torch.zeros(3 * width),
        f"{name}.state": torch.cat(recurrent),
        f"{name}.state_bias": torch.zeros(3 * width),
    }
