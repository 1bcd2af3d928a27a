"""A task as a point with a spread, and what turns support sets into such points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from innerloop.core import Episodes, Examples
from innerloop.devices import CPU, to_device
from innerloop.structure.together import for_each


class Point(NamedTuple):
    """mean (d,); variance (d,), or a covariance (d, d); zero where no spread is claimed. Of many
    tasks every part has a leading (T,)."""

    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class TaskEncoder:
    """Support set -> `Point`, by a function written for one task.

    name: how it is called in tables. place: where it computes.
    """

    name: str
    one: Callable[[Examples], Point]
    place: torch.device = CPU

    def __call__(self, support: Examples) -> Point:
        """One task, on the processor."""
        with torch.no_grad():
            return to_device(self.one(to_device(support, self.place)), CPU)

    def many(self, episodes: Episodes) -> Point:
        """The support sets of T tasks, of whatever shapes: (T, d), (T, d)."""
        return for_each(lambda e: self.one(e.support), episodes, self.place, queries=False)  # type: ignore[no-any-return]


def coordinates(point: Point) -> Tensor:
    """(..., 2 d): mean and standard deviation.

    Between them the Euclidean distance is the 2-Wasserstein distance of the normal distributions
    that the points stand for, with covariances taken for diagonal:
    W2² = ||m1 - m2||² + ||s1 - s2||² (Dowson and Landau 1982, doi:10.1016/0047-259X(82)90077-X).

    >>> coordinates(Point(torch.tensor([1.0, 2.0]), torch.tensor([[4.0, 1.0], [1.0, 9.0]])))
    tensor([1., 2., 2., 3.])
    """
    mean, variance = point
    if variance.dim() > mean.dim():
        variance = variance.diagonal(dim1=-2, dim2=-1)
    return torch.cat([mean, variance.clamp(min=0).sqrt()], -1)
