"""Rates that are learnt across tasks: per weight (Meta-SGD, Li et al. 2017, arXiv:1707.09835), per
layer, or per layer and step (MAML++, Antoniou et al. 2019, arXiv:1810.09502)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from innerloop.core import Params
from innerloop.inner.rules.base import Rated, Rule
from innerloop.inner.rules.sgd import Sgd
from innerloop.tree import Tree

RATE = "inner_lr."  # prefix of a learnt rate among the meta-parameters
Per = Literal["weight", "layer", "step"]
PLAIN = Sgd(1.0)


@dataclass(frozen=True)
class Learnt(Rated):
    """step = alpha * the step that `rule` takes at rate 1; alpha is begun at lr and may turn negative.

    per: "weight", alpha has the shape of its parameter; "layer", one number per parameter tensor;
        "step", one per parameter tensor and step, for `steps` steps (later ones use the last).
    """

    per: Per = "weight"
    steps: int = 1
    rule: Rule = PLAIN

    def learn(self, params: Params) -> Params:
        def begun(p: Tensor) -> Tensor:
            shape = {"weight": p.shape, "layer": (), "step": (max(1, self.steps),)}[self.per]
            return torch.full(shape, self.rate, dtype=p.dtype, device=p.device)

        return {**self.rule.learn(params), **{RATE + n: begun(p) for n, p in params.items()}}

    def start(self, params: Params) -> Tree:
        return {"count": 0, "rule": self.rule.start(params)}

    def step(self, grads: Params, memory: Any, learnt: Params) -> tuple[Params, Tree]:
        step, after = self.rule.step(grads, memory["rule"], learnt)
        count = memory["count"]
        alphas = {n: learnt[RATE + n] for n in grads}
        if self.per == "step":
            alphas = {n: alpha[min(count, len(alpha) - 1)] for n, alpha in alphas.items()}
        return {n: alphas[n] * s for n, s in step.items()}, {"count": count + 1, "rule": after}
