"""Families of functions of one variable, drawn on the fly: every task is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, Stream, most, spelt
from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS, Tasks, no_classes

Family = Callable[[Draws], Callable[[Tensor], Tensor]]


@dataclass(frozen=True, kw_only=True)
class FunctionStream(Stream):
    """Tasks y = f(x), f drawn by `family`, x uniform in [low, high]; shapes (T, rows, 1)."""

    family: Family
    shots: int
    queries: int
    low: float = -5.0
    high: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ways is not None:
            raise no_classes(self.name.partition("/")[0])
        for rule, value in (("shots", self.shots), ("queries", self.queries)):
            if not isinstance(value, int):
                raise InputError(
                    f"{rule} of {self.name} must be one number, got the range {spelt(value)}; "
                    "choose one of them.",
                    f"{self.name} 的 {rule} 必须是一个数，收到范围 {spelt(value)}；请选定一个数。",
                )
            if value < 1:
                raise InputError(
                    f"{rule} must be at least 1, got {value}; a task needs rows to learn from.",
                    f"{rule} 至少为 1，收到 {value}；任务需要可供学习的样本。",
                )

    def draw(self, draws: Draws) -> Episodes:
        f = self.family(draws)
        support = draws.uniform(most(self.shots), 1, low=self.low, high=self.high)  # (T, S, 1)
        query = draws.uniform(most(self.queries), 1, low=self.low, high=self.high)  # (T, Q, 1)
        return Episodes(
            support=Examples(support, f(support)),
            query=Examples(query, f(query)),
            task=torch.from_numpy(draws.episodes),
        )


def sinusoid(draws: Draws) -> Callable[[Tensor], Tensor]:
    """y = A sin(x - p), A ~ U[0.1, 5], p ~ U[0, pi]."""
    amplitude = draws.uniform(1, 1, low=0.1, high=5.0)  # (T, 1, 1)
    phase = draws.uniform(1, 1, low=0.0, high=torch.pi)
    return lambda x: amplitude * torch.sin(x - phase)


def line(draws: Draws) -> Callable[[Tensor], Tensor]:
    """y = a + b x, a and b ~ U[-3, 3]."""
    intercept, slope = draws.uniform(2, 1, 1, low=-3.0, high=3.0).unbind(1)  # (T, 1, 1) each
    return lambda x: intercept + slope * x


def function_tasks(name: str, family: Family, shots: int, queries: int) -> Tasks:
    splits: dict[str, Any] = {
        split: FunctionStream(name=f"{name}/{split}", shots=shots, queries=queries, family=family)
        for split in SPLITS
    }
    return Tasks(name, "regression", **splits, settings={"shots": shots, "queries": queries})


@checked()
def sinusoids(*, shots: int = 10, queries: int = 10) -> Tasks:
    """Sine waves of unlike amplitude and phase (Finn et al. 2017, arXiv:1703.03400, section 5.1).

    y = A sin(x - p) with A ~ U[0.1, 5], p ~ U[0, pi], x ~ U[-5, 5], without noise.

    >>> sinusoids(shots=5).train.sample(seed=0, tasks=3).support.x.shape
    torch.Size([3, 5, 1])
    """
    return function_tasks("sinusoids", sinusoid, shots, queries)


@checked()
def linear(*, shots: int = 10, queries: int = 10) -> Tasks:
    """Straight lines y = a + b x with a, b ~ U[-3, 3], x ~ U[-5, 5], without noise.

    Two examples determine the task, so a learner that knows the family is exact with two.

    >>> linear(shots=2).test.sample(tasks=4).query.y.shape
    torch.Size([4, 10, 1])
    """
    return function_tasks("linear", line, shots, queries)
