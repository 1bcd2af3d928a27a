"""How far the inner loop moves: a rule turns a gradient into a step.

A rule is three pure functions: `learn` names what it wants learnt across tasks, `start` makes its
memory at the beginning of a task, `step` answers one gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.tree import Tree

RATE = "inner_lr."  # prefix of a learnt rate among the meta-parameters


class Rule(Protocol):
    def learn(self, params: Params) -> Params:
        """Meta-parameters of the rule itself, beside the network's."""

    def start(self, params: Params) -> Tree:
        """The rule's memory before a task's first step."""

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        """(what to add to each parameter, the memory after it)."""


class Rated:
    """A rule with a rate `lr`, which must make sense."""

    lr: float

    def __post_init__(self) -> None:
        if not (isinstance(self.lr, int | float) and 0 <= self.lr < math.inf):
            raise InputError(
                f"inner_lr must be a finite number of 0 or more, got {self.lr!r}; try 0.01.",
                f"inner_lr 必须是不小于 0 的有限数，收到 {self.lr!r}；可试 0.01。",
            )


@dataclass(frozen=True)
class Sgd(Rated):
    """step = -lr g, or with momentum m: v <- m v + g, step = -lr v."""

    lr: float
    momentum: float = 0.0

    def learn(self, params: Params) -> Params:
        return {}

    def start(self, params: Params) -> Tree:
        return {n: torch.zeros_like(p) for n, p in params.items()} if self.momentum else {}

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        if self.momentum:
            memory = {n: self.momentum * memory[n] + g for n, g in grads.items()}
            grads = memory
        return {n: -self.lr * g for n, g in grads.items()}, memory


@dataclass(frozen=True)
class Adam(Rated):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980); betas = (0, b2) is Reptile's inner optimiser."""

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8

    def learn(self, params: Params) -> Params:
        return {}

    def start(self, params: Params) -> Tree:
        zeros = {n: torch.zeros_like(p) for n, p in params.items()}
        return {"count": 0, "mean": zeros, "square": zeros}

    def step(self, grads: Params, memory: Any, learnt: Params) -> tuple[Params, Tree]:
        first, second = self.betas
        count = memory["count"] + 1
        mean = {n: first * memory["mean"][n] + (1 - first) * g for n, g in grads.items()}
        square = {n: second * memory["square"][n] + (1 - second) * g * g for n, g in grads.items()}
        a, b = 1 - first**count, 1 - second**count
        # eps stays inside the root as well: the root's derivative at zero is infinite
        step = {
            n: -self.lr * (mean[n] / a) / ((square[n] / b + self.eps**2).sqrt() + self.eps)
            for n in grads
        }
        return step, {"count": count, "mean": mean, "square": square}


@dataclass(frozen=True)
class Learnt(Rated):
    """step = -alpha g, elementwise, alpha learnt across tasks and begun at lr (Meta-SGD)."""

    lr: float

    def learn(self, params: Params) -> Params:
        return {RATE + n: torch.full_like(p, self.lr) for n, p in params.items()}

    def start(self, params: Params) -> Tree:
        return {}

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        return {n: -learnt[RATE + n] * g for n, g in grads.items()}, memory
