"""Gradient descent, with momentum (Polyak 1964) or Nesterov's (1983)."""

from __future__ import annotations

from dataclasses import dataclass

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.inner.rules.base import Rated, zeros_like
from innerloop.tree import Tree


@dataclass(frozen=True)
class Sgd(Rated):
    """step = -lr g, or with momentum m: v <- m v + g, step = -lr v; nesterov: -lr (g + m v)."""

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise InputError(
                "Nesterov's step needs momentum; write Sgd(momentum=0.9, nesterov=True).",
                "Nesterov 步需要动量；请写 Sgd(momentum=0.9, nesterov=True)。",
            )

    def start(self, params: Params) -> Tree:
        return zeros_like(params) if self.momentum else {}

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        if self.momentum:
            memory = {n: self.momentum * memory[n] + g for n, g in grads.items()}
            ahead = {n: g + self.momentum * memory[n] for n, g in grads.items()}
            grads = ahead if self.nesterov else memory
        return {n: -self.rate * g for n, g in grads.items()}, memory
