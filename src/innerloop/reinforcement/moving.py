"""Weights that move: what an algorithm's phase does again and again with a loss of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from innerloop.core import Params
from innerloop.training.optimiser import Layout, Optimiser, clipped


@dataclass(frozen=True)
class Moving:
    """weights (P,) laid out as `layout`; memory: the optimiser's. clip: longest gradient."""

    weights: Tensor
    memory: dict[str, Tensor]
    layout: Layout
    optimiser: Optimiser
    lr: float
    clip: float | None = None
    finite: bool = True

    @property
    def params(self) -> Params:
        return self.layout.unpack(self.weights)

    def down(self, loss: Callable[[Params], Tensor]) -> tuple[Moving, float]:
        """(after a step down the gradient of `loss`, the loss before it). A gradient that is not
        finite moves nothing."""
        weights = self.weights.detach().requires_grad_()
        with torch.enable_grad():
            cost = loss(self.layout.unpack(weights))
            (gradient,) = torch.autograd.grad(cost, weights)
        gradient, length = clipped(gradient, self.clip)
        if not math.isfinite(length):
            return replace(self, finite=False), float(cost.detach())
        moved, memory = self.optimiser.update(gradient, self.memory, self.weights, self.lr)
        return replace(self, weights=moved, memory=memory), float(cost.detach())
