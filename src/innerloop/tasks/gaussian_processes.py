"""One-dimensional Gaussian processes, and what one who knows the process would predict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Draws, Span
from innerloop.errors import InputError
from innerloop.tasks.base import Tasks
from innerloop.tasks.rows import RowStream, row_tasks

NOISE = 0.02  # standard deviation of what is observed around the function
MOST = 1_000  # rows of a task
Kernel = Literal["rbf", "matern", "periodic"]


class Hyperparameters(NamedTuple):
    """Of T tasks, (T, 1, 1) each; the period matters to the periodic kernel alone."""

    length: Tensor
    scale: Tensor
    period: Tensor


def rbf(distance: Tensor, at: Hyperparameters) -> Tensor:
    """exp(-r^2 / 2), r = |x - x'| / length"""
    return torch.exp(-0.5 * (distance / at.length) ** 2)


def matern(distance: Tensor, at: Hyperparameters) -> Tensor:
    """(1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r): Matérn 5/2"""
    r = math.sqrt(5) * distance / at.length
    return (1 + r + r**2 / 3) * torch.exp(-r)


def periodic(distance: Tensor, at: Hyperparameters) -> Tensor:
    """exp(-2 sin(pi |x - x'| / period)^2 / length^2)"""
    return torch.exp(-2 * (torch.sin(torch.pi * distance / at.period) / at.length) ** 2)


KERNELS: dict[str, Callable[[Tensor, Hyperparameters], Tensor]] = {
    "rbf": rbf,
    "matern": matern,
    "periodic": periodic,
}


@dataclass(frozen=True, kw_only=True)
class GaussianProcessStream(RowStream):
    """Tasks y = f(x) + noise, f from a Gaussian process whose hyperparameters are the task's."""

    kernel: Kernel = "rbf"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.most_rows > MOST:
            raise InputError(
                f"a task of {self.name} may have at most {MOST:,} rows of support and query together, "
                f"since the cost grows with their cube, got {self.most_rows:,}; lower --shots or "
                "--queries.",
                f"{self.name} 的一个任务最多 {MOST:,} 行（支持集与查询集合计，计算量随行数的立方增长），"
                f"收到 {self.most_rows:,}；请减小 --shots 或 --queries。",
            )

    def make(self, draws: Draws, rows: int) -> tuple[Tensor, Tensor]:
        at = hyperparameters(draws)
        x = draws.uniform(rows, 1, low=-2.0, high=2.0)  # (T, rows, 1)
        factor = torch.linalg.cholesky(self.covariance(at, x))  # (T, rows, rows)
        y = (factor * draws.normal(1, rows)).sum(-1, keepdim=True)
        return x, y.to(x.dtype)

    def hyperparameters(self, seed: int, numbers: np.ndarray) -> Hyperparameters:
        """The truth of these episodes, which no learner is told."""
        return hyperparameters(Draws(seed, self.name, numbers))

    def covariance(self, at: Hyperparameters, x: Tensor) -> Tensor:
        """(T, rows, rows) float64, of what is observed at x (T, rows, 1)."""
        x = x.to(torch.float64)
        clean = at.scale**2 * KERNELS[self.kernel]((x - x.mT).abs(), at)
        return clean + NOISE**2 * torch.eye(x.shape[1], dtype=x.dtype)

    def oracle(self, seed: int, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        """(T,), (T,): log-likelihood per query row of these episodes, given their support and the
        true hyperparameters: of each row by itself, and of all rows jointly.

        No learner is better on average; one that seems so has seen what it should not.

        >>> each, jointly = gaussian_processes().test.oracle(0, np.arange(64))
        >>> bool(each.mean() < jointly.mean())
        True
        """
        episodes = self.numbered(seed, numbers)
        truth = self.hyperparameters(seed, numbers)
        each, jointly = torch.empty(2, len(episodes), dtype=torch.float64)
        for chosen, group in episodes.alike():
            support, query = group.support, group.query
            at = Hyperparameters(*(value[chosen] for value in truth))
            covariance = self.covariance(at, torch.cat([support.x, query.x], 1))  # type: ignore[list-item]
            y = torch.cat([support.y, query.y], 1)  # (t, rows, 1)
            each[chosen], jointly[chosen] = log_likelihoods(covariance, y, support.y.shape[1])
        return each, jointly


def hyperparameters(draws: Draws) -> Hyperparameters:
    """length ~ U[0.1, 0.6], scale ~ U[0.1, 1], period ~ U[0.1, 0.5]"""
    ranges = ((0.1, 0.6), (0.1, 1.0), (0.1, 0.5))
    return Hyperparameters(
        *(draws.uniform(1, 1, low=low, high=high).to(torch.float64) for low, high in ranges)
    )


def log_likelihoods(covariance: Tensor, y: Tensor, shots: int) -> tuple[Tensor, Tensor]:
    """(T,), (T,): of the rows after the first `shots`, per row: each by itself, and jointly.

    With L L' the covariance and L z = y, the rows after the first have mean L_qs z_s and covariance
    L_qq L_qq'; and log p(y_q | y_s) is the sum over them of log N(z_i; 0, 1) - log L_ii.
    """
    factor = torch.linalg.cholesky(covariance)  # (T, rows, rows)
    y = y.to(factor.dtype)
    z = torch.linalg.solve_triangular(factor, y, upper=False)  # (T, rows, 1)
    mean = factor[:, shots:, :shots] @ z[:, :shots]
    sd = factor[:, shots:, shots:].norm(dim=-1, keepdim=True)
    diagonal = factor.diagonal(dim1=-2, dim2=-1)[:, shots:, None]
    each = log_normal((y[:, shots:] - mean) / sd) - sd.log()
    jointly = log_normal(z[:, shots:]) - diagonal.log()
    return each.mean((1, 2)), jointly.mean((1, 2))


def log_normal(z: Tensor) -> Tensor:
    return -0.5 * (z**2 + math.log(2 * math.pi))


@checked()
def gaussian_processes(
    *,
    kernel: Kernel = "rbf",
    shots: Span = (3, 46),
    queries: Span = (3, 46),
    rows: int = 49,
    block: int = 16,
) -> Tasks:
    """Functions drawn from a Gaussian process (Garnelo et al. 2018, arXiv:1807.01613), of one variable.

    As transformer neural processes are judged (Nguyen and Grover 2022, arXiv:2207.04179):
    x ~ U[-2, 2], y = f(x) + noise of standard deviation 0.02, f ~ GP(0, scale^2 k) with its own
    length ~ U[0.1, 0.6] and scale ~ U[0.1, 1]. Shots ~ U{3 .. 46}, queries ~ U{3 .. 49 - shots}.

    kernel: "rbf"; "matern", Matérn 5/2; "periodic", with its own period ~ U[0.1, 0.5]. All splits
        have the same one; to see how a learner takes a shift, judge it on another family's test.
    rows: where queries are a range, a task has at most so many rows of support and query together.
    block: so many consecutive tasks have equal numbers of rows, and batches within it no padding.

    `tasks.test.oracle(seed, numbers)` is the log-likelihood of one who knows the process.

    >>> tasks = gaussian_processes(kernel="matern")
    >>> batch = tasks.train.sample(seed=0, index=3, tasks=16)
    >>> batch.support.x.shape, batch.query.y.shape, batch.is_padded
    (torch.Size([16, 37, 1]), torch.Size([16, 11, 1]), False)
    """
    settings = {"kernel": kernel, "shots": shots, "queries": queries, "rows": rows, "block": block}
    return row_tasks(GaussianProcessStream, "gaussian_processes", settings=settings)
