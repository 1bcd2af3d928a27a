"""Trust region policy optimisation (Schulman et al. 2015, TRPO, arXiv:1502.05477)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from innerloop.core import Params
from innerloop.reinforcement.moving import Moving

Both = Callable[[Params], tuple[Tensor, Tensor]]  # (loss, divergence), both ()


@dataclass(frozen=True)
class TrustRegion:
    """A step down the loss as far as the divergence from the policy that acted stays within `size`.

        minimise g'x  so that  x' F x / 2 <= size,   F the curvature of the divergence

    iterations: of conjugate gradients. damping: added to the curvature. backtracks, shrink: of the
    search along the step for a lower loss within the region; where there is none nothing moves.
    """

    size: float = 0.01
    iterations: int = 10
    damping: float = 1e-5
    backtracks: int = 15
    shrink: float = 0.8

    def __call__(self, moving: Moving, both: Both, curved: Both | None = None) -> tuple[Moving, float]:
        """(after the step, the loss before it). curved: `both` on the data of which the curvature is
        taken, where that is less."""
        layout = moving.layout
        weights = moving.weights.detach().requires_grad_()
        with torch.enable_grad():
            loss, _ = both(layout.unpack(weights))
            (g,) = torch.autograd.grad(loss, weights)
            _, divergence = (curved or both)(layout.unpack(weights))
            (slope,) = torch.autograd.grad(divergence, weights, create_graph=True)

        def curvature(v: Tensor) -> Tensor:
            (product,) = torch.autograd.grad(slope, weights, v, retain_graph=True)
            return product + self.damping * v

        before = float(loss.detach())
        direction = conjugate_gradient(curvature, g, self.iterations)
        bend = float(direction @ curvature(direction))
        if not (math.isfinite(before) and math.isfinite(bend) and bend > 0):
            return replace(moving, finite=math.isfinite(before + bend)), before
        step = moving.lr * math.sqrt(2 * self.size / bend) * direction
        return self.search(moving, step, before, both), before

    def search(self, moving: Moving, step: Tensor, before: float, both: Both) -> Moving:
        for backtrack in range(self.backtracks):
            weights = moving.weights - self.shrink**backtrack * step
            with torch.no_grad():
                loss, divergence = both(moving.layout.unpack(weights))
            if loss < before and divergence <= self.size:
                return replace(moving, weights=weights)
        return moving


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], b: Tensor, iterations: int, enough: float = 1e-10
) -> Tensor:
    """x of A x = b (P,) for a positive definite A, known by `product(v)` = A v.

    >>> a, b = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([3.0, 4.0])
    >>> conjugate_gradient(lambda v: a @ v, b, 2)
    tensor([1.0000, 1.0000])
    """
    x, residual, direction = torch.zeros_like(b), b, b
    square = residual @ residual
    for _ in range(iterations):
        if square < enough:
            break
        along = product(direction)
        far = square / (direction @ along)
        x, residual = x + far * direction, residual - far * along
        square, last = residual @ residual, square
        direction = residual + (square / last) * direction
    return x
