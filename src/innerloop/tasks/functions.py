"""Families of functions of one variable, drawn on the fly: every task is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Draws, Span
from innerloop.tasks.base import Tasks
from innerloop.tasks.rows import RowStream, row_tasks

Family = Callable[[Draws], Callable[[Tensor], Tensor]]


@dataclass(frozen=True, kw_only=True)
class FunctionStream(RowStream):
    """Tasks y = f(x), f drawn by `family`, x uniform in [low, high]; shapes (T, rows, 1)."""

    family: Family
    low: float = -5.0
    high: float = 5.0

    def make(self, draws: Draws, rows: int) -> tuple[Tensor, Tensor]:
        f = self.family(draws)
        x = draws.uniform(rows, 1, low=self.low, high=self.high)  # (T, rows, 1)
        return x, f(x)


def sinusoid(draws: Draws) -> Callable[[Tensor], Tensor]:
    """y = A sin(x - p), A ~ U[0.1, 5], p ~ U[0, pi]."""
    amplitude = draws.uniform(1, 1, low=0.1, high=5.0)  # (T, 1, 1)
    phase = draws.uniform(1, 1, low=0.0, high=torch.pi)
    return lambda x: amplitude * torch.sin(x - phase)


def line(draws: Draws) -> Callable[[Tensor], Tensor]:
    """y = a + b x, a and b ~ U[-3, 3]."""
    intercept, slope = draws.uniform(2, 1, 1, low=-3.0, high=3.0).unbind(1)  # (T, 1, 1) each
    return lambda x: intercept + slope * x


@checked()
def sinusoids(*, shots: Span = 10, queries: Span = 10) -> Tasks:
    """Sine waves of unlike amplitude and phase (Finn et al. 2017, arXiv:1703.03400, section 5.1).

    y = A sin(x - p) with A ~ U[0.1, 5], p ~ U[0, pi], x ~ U[-5, 5], without noise.

    >>> sinusoids(shots=5).train.sample(seed=0, tasks=3).support.x.shape
    torch.Size([3, 5, 1])
    """
    settings = {"shots": shots, "queries": queries}
    return row_tasks(FunctionStream, "sinusoids", settings=settings, family=sinusoid)


@checked()
def linear(*, shots: Span = 10, queries: Span = 10) -> Tasks:
    """Straight lines y = a + b x with a, b ~ U[-3, 3], x ~ U[-5, 5], without noise.

    Two examples determine the task, so a learner that knows the family is exact with two.

    >>> linear(shots=2).test.sample(tasks=4).query.y.shape
    torch.Size([4, 10, 1])
    """
    settings = {"shots": shots, "queries": queries}
    return row_tasks(FunctionStream, "linear", settings=settings, family=line)
