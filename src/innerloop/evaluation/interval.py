"""A mean over tasks, and how far off it may be."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mean_and_ci95(values: Tensor, tasks: Tensor | None = None) -> tuple[float, float]:
    """(mean, half-width) of the 95 % interval for the mean over tasks that `values` (T,) sample.

    Student's t with T - 1 degrees of freedom: t * s / sqrt(T), s the values' standard deviation.
    The half-width is nan for a single task and wherever a value is not finite.
    tasks: (T,) whose episode each is. Several episodes of one task are one task: their mean counts
        once. Eight patients are eight patients, however often each is drawn.

    >>> import torch
    >>> mean, ci95 = mean_and_ci95(torch.tensor([1.0, 2.0, 3.0]))
    >>> mean, round(ci95, 3)
    (2.0, 2.484)
    >>> mean_and_ci95(torch.tensor([1.0, 1.0, 3.0, 3.0, 2.0]), torch.tensor([0, 0, 1, 1, 2]))[0]
    2.0
    """
    if tasks is not None:
        values = mean_by_task(values, tasks)
    values = values.double()
    mean, count = float(values.mean()), len(values)
    if count < 2 or not math.isfinite(mean):
        return mean, math.nan
    return mean, _t975(count - 1) * float(values.std()) / math.sqrt(count)


def mean_by_task(values: Tensor, tasks: Tensor) -> Tensor:
    """(different tasks,) each one's mean."""
    known, which = tasks.unique(return_inverse=True)
    total = torch.zeros(len(known), dtype=torch.float64).index_add_(0, which, values.double())
    return total / which.bincount(minlength=len(known))


def _t975(freedom: int) -> float:
    from scipy.special import stdtrit  # scipy comes with scikit-learn; not at import time

    return float(stdtrit(freedom, 0.975))
