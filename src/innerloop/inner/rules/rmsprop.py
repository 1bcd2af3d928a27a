"""RMSprop (Tieleman and Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning)."""

from __future__ import annotations

from dataclasses import dataclass

from innerloop.core import Params
from innerloop.inner.rules.base import Rated, safe_root, zeros_like
from innerloop.tree import Tree


@dataclass(frozen=True)
class Rmsprop(Rated):
    """square <- a square + (1 - a) g², step = -lr g / root of square."""

    alpha: float = 0.99
    eps: float = 1e-8

    def start(self, params: Params) -> Tree:
        return zeros_like(params)

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        square = {n: self.alpha * memory[n] + (1 - self.alpha) * g * g for n, g in grads.items()}
        step = {n: -self.rate * g / safe_root(square[n], self.eps) for n, g in grads.items()}
        return step, square
