"""Policies without memory: a network of observations, and a distribution over actions.

Letters: O numbers of an observation, A actions or numbers of one, D what is said of their distribution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

from innerloop.core import Params
from innerloop.reinforcement.networks.linear import linear, linear_weights
from innerloop.reinforcement.ppo import choose, log_probability


@dataclass(frozen=True)
class Categorical:
    """said (..., A): log-probabilities of actions () to choose from."""

    def init(self, actions: int) -> Params:
        return {}

    def said(self, params: Params, output: Tensor, allowed: Tensor) -> Tensor:
        return output.masked_fill(~allowed, -1e9).log_softmax(-1)

    def sample(self, said: Tensor, generator: Generator) -> Tensor:
        return choose(said, generator)

    def log_probability(self, said: Tensor, action: Tensor) -> Tensor:
        return log_probability(said, action)

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """KL(before || after)"""
        return (before.exp() * (before - after)).sum(-1)


@dataclass(frozen=True)
class Gaussian:
    """said (..., 2 A): means of an action's numbers (A,), and the logarithms of their deviations.

    deviation: of every number before training.
    """

    deviation: float = 1.0

    def init(self, actions: int) -> Params:
        return {"log_deviation": torch.full((actions,), math.log(self.deviation))}

    def said(self, params: Params, output: Tensor, allowed: Tensor) -> Tensor:
        return torch.cat([output, params["log_deviation"].expand_as(output)], -1)

    def sample(self, said: Tensor, generator: Generator) -> Tensor:
        mean, log_deviation = said.chunk(2, -1)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        return mean + log_deviation.exp() * noise

    def log_probability(self, said: Tensor, action: Tensor) -> Tensor:
        mean, log_deviation = said.chunk(2, -1)
        apart = (action - mean) * (-log_deviation).exp()
        return -(0.5 * apart.square() + log_deviation + 0.5 * math.log(2 * math.pi)).sum(-1)

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """KL(before || after)"""
        (mean, wide), (other, width) = before.chunk(2, -1), after.chunk(2, -1)
        scaled = (2 * wide).exp() + (mean - other).square()
        return (width - wide + 0.5 * scaled * (-2 * width).exp() - 0.5).sum(-1)


Kind = Categorical | Gaussian


@dataclass(frozen=True)
class Perceptron:
    """Layers of rectified units; with a context, also a vector that the first layer hears."""

    observations: int
    hidden: int
    layers: int
    actions: int
    context: int = 0

    def init(self, generator: Generator | None) -> Params:
        widths = [self.observations + self.context, *[self.hidden] * self.layers]
        params: Params = {}
        for number, (inward, out) in enumerate(pairwise(widths)):
            params |= linear_weights(f"{number}", inward, out, generator, 2**0.5)
        return params | linear_weights("action", widths[-1], self.actions, generator, 0.01)

    def apply(self, params: Params, x: Tensor) -> Tensor:
        """(..., A)"""
        if self.context:
            x = torch.cat([x, params["context"].expand(*x.shape[:-1], self.context)], -1)
        for number in range(self.layers):
            x = linear(params, f"{number}", x).relu()
        return linear(params, "action", x)
