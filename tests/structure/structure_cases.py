"""Learners and tasks in float64 that the tests of the structure between tasks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import innerloop as il
from innerloop import Episodes, Examples
from innerloop.outer import Learner, Spec


def learner(name: str, *, outputs: int, norm: bool = False) -> Learner:
    constructor = getattr(il, name)
    encoder = constructor.suggestions.encoder
    layers: list[nn.Module] = [nn.Linear(2, 6), *([nn.BatchNorm1d(6)] * norm), nn.Tanh()]
    torch.manual_seed(0)
    return constructor(
        nn.Sequential(*layers, nn.Linear(6, outputs)).double()
        if not encoder
        else nn.Sequential(nn.Linear(2, 6), nn.Tanh()).double()
    )


def numbers(tasks: int = 4, rows: int = 5, seed: int = 0) -> Episodes:
    g = torch.Generator().manual_seed(seed)
    slope = torch.randn(tasks, 1, 1, generator=g, dtype=torch.float64)
    sides = [torch.randn(tasks, n, 2, generator=g, dtype=torch.float64) for n in (rows, rows + 1)]
    return Episodes(*(Examples(x, slope * x.sum(-1, keepdim=True)) for x in sides))


def classes(tasks: int = 4, ways: int = 3, shots: int = 2, seed: int = 0) -> Episodes:
    g = torch.Generator().manual_seed(seed)
    centre = 2 * torch.randn(tasks, ways, 2, generator=g, dtype=torch.float64)
    sides = []
    for each in (shots, 3):
        y = torch.arange(ways).repeat(each)
        noise = torch.randn(tasks, len(y), 2, generator=g, dtype=torch.float64)
        sides.append(Examples(centre[:, y] + noise, y.repeat(tasks, 1), ways=ways))
    return Episodes(*sides)


@dataclass(frozen=True)
class Embedding:
    """A method that places a task by the mean of its targets, with their variance."""

    spread: bool = True

    def init(self, generator=None):
        return il.Meta({"w": torch.ones(1, dtype=torch.float64)}, {})

    def embed(self, meta, support):
        mean = meta.params["w"] * support.y.mean(0)
        return (mean, support.y.var(0)) if self.spread else mean


def embedding(spread: bool = True) -> Learner:
    return Learner(Embedding(spread), Spec(embedding, None, {}))


@dataclass(frozen=True, kw_only=True)
class TwoKinds(il.tasks.sinusoids().test.__class__):
    """Sines, and straight lines of another slope; which of them a task is, is known."""

    kind_names: tuple[str, ...] = ("sine", "line")

    def kinds(self, seed, numbers):
        return np.asarray(numbers) % 2

    def draw(self, draws):
        drawn = super().draw(draws)
        even = torch.from_numpy(draws.episodes % 2 == 0)[:, None, None]

        def bent(side):
            return Examples(side.x, torch.where(even, side.y, 3 * side.x))

        return Episodes(bent(drawn.support), bent(drawn.query), task=drawn.task)


def two_kinds(shots: int = 10):
    family = il.tasks.sinusoids().test.family
    return TwoKinds(name="two/test", shots=shots, queries=10, family=family)
