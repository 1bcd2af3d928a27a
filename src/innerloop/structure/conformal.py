"""Intervals and label sets that hold the truth with a given probability on new tasks.

Conformal prediction over tasks: hierarchical, every task one draw however many queries it has (Lee,
Barber and Willett 2023, arXiv:2306.06342).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from innerloop.errors import InputError
from innerloop.likelihoods import Categorical

LEVELS = 1_000


def miss(likelihood: Any, outputs: Tensor, targets: Tensor) -> Tensor:
    """(rows,) how far each answer is off: 1 - p(label), or the largest |y - mean| / std of a row.

    >>> miss(Categorical(), torch.zeros(1, 2), torch.tensor([0]))
    tensor([0.5000])
    """
    if isinstance(likelihood, Categorical):
        return 1 - likelihood.probabilities(outputs).gather(-1, targets[:, None])[:, 0]
    gap = (targets - likelihood.answer(outputs)).abs() / likelihood.std(outputs)
    return gap.flatten(1).amax(1)


def thresholds(misses: Tensor, weights: Tensor) -> Tensor:
    """(1001,) for every coverage c = 0, 0.001 .. 1 the least t such that

        sum over calibration misses of w_i [m_i <= t]  >=  c (1 + sum_i w_i)

    misses: (rows,) of all calibration tasks. weights: (rows,), those of one task's rows summing to
    1. The 1 is the new task, which may be worse than all: the threshold is then infinite. So a new
    task's query is covered with probability c at least, on average over tasks.

    >>> found = thresholds(torch.arange(1.0, 10.0), torch.ones(9))
    >>> float(found[900]), float(found[901])
    (9.0, inf)
    """
    order = misses.argsort()
    mass = weights.double()[order].cumsum(0)
    needed = torch.arange(LEVELS + 1, dtype=torch.float64) / LEVELS * (1 + weights.double().sum())
    place = torch.searchsorted(mass, needed - 1e-9)
    values = torch.cat([misses[order].double(), torch.tensor([torch.inf], dtype=torch.float64)])
    return values[place]


def threshold(found: Tensor, coverage: float) -> float:
    """The threshold of one coverage, rounded up to a thousandth."""
    check_coverage(coverage)
    return float(found[math.ceil(round(coverage * LEVELS, 6))])


def limit(found: Tensor | None, coverage: float) -> float:
    """The threshold of one coverage, or a sentence where the tasks are too few for it, or of a kind
    that has none."""
    if found is None:
        raise InputError(
            "coverage is for one label of several classes, or for numbers, and here a row may have "
            "several labels; leave coverage out.",
            "coverage 用于多类单标签或数值任务，而此处每行可有多个标签；请去掉 coverage。",
        )
    least = threshold(found, coverage)
    if math.isinf(least):
        most = (int(found.isfinite().sum()) - 1) / LEVELS
        raise InputError(
            f"coverage can be at most {most:g} here, as far as the run's meta-validation tasks go, got "
            f"{coverage:g}; lower it.",
            f"就该运行的元验证任务而言，此处 coverage 最多为 {most:g}，收到 {coverage:g}；请减小。",
        )
    return least


def check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise InputError(
            f"coverage must lie between 0 and 1, got {coverage}; 0.9 is usual.",
            f"coverage 必须在 0 与 1 之间，收到 {coverage}；通常用 0.9。",
        )


def label_sets(likelihood: Any, outputs: Tensor, limit: float) -> Tensor:
    """(rows, N) which classes may be the answer. A row without any is like nothing that the task
    has: none of these.

    >>> label_sets(Categorical(), torch.tensor([[5.0, 0.0], [0.0, 0.0]]), 0.1)
    tensor([[ True, False],
            [False, False]])
    """
    return 1 - likelihood.probabilities(outputs) <= limit  # type: ignore[no-any-return]


def interval(likelihood: Any, outputs: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    """(low, high), each shaped like the answer: mean ± limit * std. All numbers of a row lie in
    theirs at once with the coverage asked for."""
    mean, reach = likelihood.answer(outputs), limit * likelihood.std(outputs)
    return mean - reach, mean + reach
