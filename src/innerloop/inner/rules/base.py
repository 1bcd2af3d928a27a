"""How far the inner loop moves: a rule turns a gradient into a step.

A rule is three pure functions: `learn` names what it wants learnt across tasks, `start` makes its
memory at the beginning of a task, `step` answers one gradient. A rule may wrap another. `with_rate`
gives it the rate that a learner's `inner_lr` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol, Self, runtime_checkable

import torch

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.tree import Tree


@runtime_checkable
class Rule(Protocol):
    def learn(self, params: Params) -> Params:
        """Meta-parameters of the rule itself, beside the network's."""

    def start(self, params: Params) -> Tree:
        """The rule's memory before a task's first step."""

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        """(what to add to each parameter, the memory after it)."""


@dataclass(frozen=True)
class Rated:
    """A rule with a rate `lr`, which must make sense; None until `with_rate` says it."""

    lr: float | None = None

    def __post_init__(self) -> None:
        if self.lr is None:
            return
        if not (isinstance(self.lr, int | float) and 0 <= self.lr < math.inf):
            raise InputError(
                f"inner_lr must be a finite number of 0 or more, got {self.lr!r}; try 0.01.",
                f"inner_lr 必须是不小于 0 的有限数，收到 {self.lr!r}；可试 0.01。",
            )

    def with_rate(self, lr: float) -> Self:
        name = type(self).__name__
        if self.lr is not None:
            raise InputError(
                f"the inner rate has one home: write inner_lr={self.lr} beside a {name} without a rate.",
                f"内循环学习率只在一处设置：请写 inner_lr={self.lr}，而 {name} 不带学习率。",
            )
        return replace(self, lr=lr)

    @property
    def rate(self) -> float:
        if self.lr is None:
            name = type(self).__name__
            raise InputError(
                f"{name} has no rate yet; write {name}(0.01), or give inner_lr to the learner.",
                f"{name} 还没有学习率；请写 {name}(0.01)，或为学习器设置 inner_lr。",
            )
        return self.lr

    def learn(self, params: Params) -> Params:
        return {}


def zeros_like(params: Params) -> Params:
    return {n: torch.zeros_like(p) for n, p in params.items()}


def safe_root(square: torch.Tensor, eps: float) -> torch.Tensor:
    """The root, plus eps; eps stays inside as well: the root's derivative at zero is infinite."""
    return (square + eps**2).sqrt() + eps
