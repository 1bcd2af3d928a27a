"""A task as a normal over latent vectors, from which answers are drawn."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError
from innerloop.models.sets import perceptron


class Spread(NamedTuple):
    """A normal over latent vectors, mean and std (width,)."""

    mean: Tensor
    std: Tensor


class Latent(nn.Module):
    """What a summary r (width,) of a task leaves open.

        z = mean(r) + std(r) noise,   std = 0.1 + 0.9 sigmoid(.)

    samples: with so many it answers, of noise that is fixed, so that its answers are too; 0 for
    the mean alone.

    >>> latent = Latent(8, samples=5)
    >>> latent.drawn(latent(torch.zeros(8))).shape
    torch.Size([5, 8])
    """

    noise: Tensor

    def __init__(self, width: int, *, samples: int):
        super().__init__()
        self.both = perceptron(width, 2 * width, width=width, depth=2)
        drawn = torch.randn(samples, width, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", drawn if samples else torch.zeros(1, width))

    def forward(self, summary: Tensor) -> Spread:
        mean, spread = self.both(summary).chunk(2, -1)
        return Spread(mean, 0.1 + 0.9 * spread.sigmoid())

    def drawn(self, at: Spread) -> Tensor:
        """(samples, width)"""
        return at.mean + at.std * self.noise.to(at.std)

    def one(self, at: Spread) -> Tensor:
        """(1, width): while learning a new one each time, else the first."""
        noise = torch.randn_like(self.noise[:1]) if self.training else self.noise[:1]
        return at.mean + at.std * noise.to(at.std)


def divergence(q: Spread, p: Spread) -> Tensor:
    """KL(q || p), summed over the numbers of the vector.

    >>> same = Spread(torch.zeros(2), torch.ones(2))
    >>> float(divergence(same, same)), float(divergence(same, Spread(torch.ones(2), torch.ones(2))))
    (0.0, 1.0)
    """
    ratio = (q.std / p.std).square()
    gap = ((q.mean - p.mean) / p.std).square()
    return 0.5 * (ratio + gap - 1 - ratio.log()).sum()


class Answer(nn.Module):
    """A query's answer from its features and what is known of the task, once for each latent.

    numbers: of a target; the answers are then a mixture, (Q, numbers, samples, 3), in which every
    sample counts alike. 0: the mean of their logits, (Q, 1).
    """

    def __init__(self, inputs: int, known: int, numbers: int, *, width: int, depth: int):
        super().__init__()
        self.numbers = numbers
        self.network = perceptron(inputs + known, 2 * numbers or 1, width=width, depth=depth)

    def forward(self, z: Tensor, known: Tensor) -> Tensor:
        """z (Q, inputs), known (samples, Q or 1, known)"""
        each = self.each(z, known)
        if not self.numbers:
            return each.mean(0)
        normals = each.movedim(0, 2)  # (Q, numbers, samples, 2)
        return F.pad(normals, (1, 0))  # a log-weight of 0 before each mean and spread

    def each(self, z: Tensor, known: Tensor) -> Tensor:
        """(samples, Q, numbers, 2) or (samples, Q, 1)"""
        rows = [z.expand(len(known), -1, -1), known.expand(-1, len(z), -1)]
        answers: Tensor = self.network(torch.cat(rows, -1))
        return answers.unflatten(-1, (self.numbers, 2)) if self.numbers else answers


def check_samples(samples: int) -> None:
    if samples < 1:
        raise InputError(
            f"samples counts the latent vectors that answer and must be at least 1, got {samples}; "
            "16 is usual.",
            f"samples 是用于回答的潜变量个数，至少为 1，收到 {samples}；通常用 16。",
        )
