"""Outer steps that stay near the policy that acted: a trust region, or a clipped ratio."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from innerloop.core import Params
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.ppo import clipped_loss
from innerloop.reinforcement.tried import Tried

Cost = Callable[[Params, Sequence[Tried]], tuple[Tensor, Tensor]]  # (loss, divergence), both ()


@dataclass(frozen=True)
class TrustRegion:
    """TRPO (Schulman et al. 2015, arXiv:1502.05477): as far as the divergence stays within `size`.

        minimise g'x  so that  x' F x / 2 <= size,   F the curvature of the divergence

    iterations: of conjugate gradients. damping: added to the curvature, which is taken from one step
    in `every`. backtracks, shrink: of the search along the step for a lower loss within the region;
    where there is none nothing moves. A learning rate of 1 asks for the whole step.
    """

    size: float = 0.01
    iterations: int = 10
    damping: float = 1e-5
    every: int = 1
    backtracks: int = 15
    shrink: float = 0.8

    lr = 1.0

    def loss(self, now: Tensor, before: Tensor, advantage: Tensor) -> Tensor:
        return -(now - before).exp() * advantage

    def __call__(self, moving: Moving, cost: Cost, tried: Sequence[Tried]) -> tuple[Moving, float]:
        """(after the step, the loss before it)"""
        thin = [one.every(self.every) for one in tried]
        weights = moving.weights.detach().requires_grad_()
        with torch.enable_grad():
            loss, _ = cost(moving.layout.unpack(weights), tried)
            (g,) = torch.autograd.grad(loss, weights)
            _, divergence = cost(moving.layout.unpack(weights), thin)
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
        return self.search(moving, step, before, lambda params: cost(params, tried)), before

    def search(
        self,
        moving: Moving,
        step: Tensor,
        before: float,
        cost: Callable[[Params], tuple[Tensor, Tensor]],
    ) -> Moving:
        for backtrack in range(self.backtracks):
            weights = moving.weights - self.shrink**backtrack * step
            with torch.no_grad():
                loss, divergence = cost(moving.layout.unpack(weights))
            if loss < before and divergence <= self.size:
                return replace(moving, weights=weights)
        return moving


@dataclass(frozen=True)
class Proximal:
    """PPO (Schulman et al. 2017, arXiv:1707.06347): `epochs` steps of the optimiser down the loss
    whose ratios are clipped, each through the inner steps anew."""

    clip: float = 0.2
    epochs: int = 5
    lr = 1e-3

    def loss(self, now: Tensor, before: Tensor, advantage: Tensor) -> Tensor:
        return clipped_loss(now, before, advantage, self.clip)

    def __call__(self, moving: Moving, cost: Cost, tried: Sequence[Tried]) -> tuple[Moving, float]:
        losses = []
        for _ in range(self.epochs):
            moving, loss = moving.down(lambda params: cost(params, tried)[0])
            losses.append(loss)
        return moving, sum(losses) / len(losses)


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
