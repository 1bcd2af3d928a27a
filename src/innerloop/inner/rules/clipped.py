"""Gradients of at most a given length (Pascanu et al. 2013, arXiv:1211.5063)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.inner.rules.base import Rule
from innerloop.tree import Tree


@dataclass(frozen=True)
class Clipped:
    """What `rule` answers to a gradient whose norm over all parameters of a task is at most
    `longest`: a longer one is shortened, direction kept, and the shortening is differentiated."""

    rule: Rule
    longest: float

    def __post_init__(self) -> None:
        if not 0 < self.longest < math.inf:
            raise InputError(
                f"inner_clip must be a finite number above 0, got {self.longest}; try 10.",
                f"inner_clip 必须是大于 0 的有限数，收到 {self.longest}；可试 10。",
            )

    def with_rate(self, lr: float) -> Clipped:
        rule: Any = self.rule
        return replace(self, rule=rule.with_rate(lr))

    def learn(self, params: Params) -> Params:
        return self.rule.learn(params)

    def start(self, params: Params) -> Tree:
        return self.rule.start(params)

    def step(self, grads: Params, memory: Tree, learnt: Params) -> tuple[Params, Tree]:
        squares = [g.square().sum() for g in grads.values()]
        square = torch.stack(squares).sum() if squares else torch.zeros(())
        long = square > self.longest**2
        # the root is never taken of zero, where its derivative is infinite
        shorter = torch.where(long, self.longest * torch.where(long, square, 1).rsqrt(), 1)
        return self.rule.step({n: g * shorter for n, g in grads.items()}, memory, learnt)
