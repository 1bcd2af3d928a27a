"""Rows of tables with unlike columns as rows of one width, scaled by their support rows alone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

LIMIT = 5.0  # standard deviations; what lies further out is an outlier, and how far says little


class Scaling(NamedTuple):
    """mean (..., 1, f), and one over the deviation; 0 where a feature does not vary."""

    mean: Tensor
    inverse: Tensor

    def __call__(self, rows: Tensor) -> Tensor:
        """Rows (..., n, f) in deviations from the mean, outliers cut off at 5."""
        return ((rows - self.mean) * self.inverse).clamp(-LIMIT, LIMIT)


def scaling_of(support: Tensor) -> Scaling:
    """The scaling by rows (..., n, f), by which they have mean 0 and deviation 1."""
    mean = support.mean(-2, keepdim=True)
    std = (support - mean).square().mean(-2, keepdim=True).sqrt()
    varies = std > 1e-6 * (1 + mean.abs())
    return Scaling(mean, torch.where(varies, 1 / torch.where(varies, std, 1.0), 0.0))


def standardised(support: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """The same rows (..., rows, f) with each feature's mean 0 and deviation 1 over `support`.

    A feature that is constant there says nothing: it is 0. Outliers are cut off at 5 deviations.

    >>> support, query = torch.tensor([[1.0, 7.0], [3.0, 7.0]]), torch.tensor([[4.0, 8.0]])
    >>> [rows.tolist() for rows in standardised(support, query)]
    [[[-1.0, 0.0], [1.0, 0.0]], [[2.0, 0.0]]]
    """
    scaling = scaling_of(support)
    return tuple(scaling(rows) for rows in (support, *others))


def in_width(width: int, *rows: Tensor) -> tuple[Tensor, ...]:
    """Rows (..., f) with zeros behind them, (..., width), times sqrt(width / f).

    So a row's squared length does not depend on how many features a table has.

    >>> in_width(4, torch.ones(1))[0].tolist()
    [2.0, 0.0, 0.0, 0.0]
    """
    features = rows[0].shape[-1]
    larger = (width / features) ** 0.5
    return tuple(F.pad(x * larger, (0, width - features)) for x in rows)
