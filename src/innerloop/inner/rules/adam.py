"""Adam (Kingma and Ba 2015, arXiv:1412.6980)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from innerloop.core import Params
from innerloop.inner.rules.base import Rated, safe_root, zeros_like
from innerloop.tree import Tree


@dataclass(frozen=True)
class Adam(Rated):
    """step = -lr mean / root of square, both corrected for their beginning at zero.

    betas = (0, b2) is Reptile's inner optimiser.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def start(self, params: Params) -> Tree:
        return {"count": 0, "mean": zeros_like(params), "square": zeros_like(params)}

    def step(self, grads: Params, memory: Any, learnt: Params) -> tuple[Params, Tree]:
        first, second = self.betas
        count = memory["count"] + 1
        mean = {n: first * memory["mean"][n] + (1 - first) * g for n, g in grads.items()}
        square = {n: second * memory["square"][n] + (1 - second) * g * g for n, g in grads.items()}
        a, b = 1 - first**count, 1 - second**count
        step = {n: -self.rate * (mean[n] / a) / safe_root(square[n] / b, self.eps) for n in grads}
        return step, {"count": count, "mean": mean, "square": square}
