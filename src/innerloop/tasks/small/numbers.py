"""Many random numbers for many tasks, each task's own a function of its generator alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Numbers:
    """What is asked for comes as (T, *shape) float32, the next numbers of each task's generator.

    >>> def two():
    ...     return [np.random.default_rng(seed) for seed in (0, 1)]
    >>> torch.equal(Numbers(two()).normal(3)[1], Numbers(two()[1:]).normal(3)[0])
    True
    """

    generators: Sequence[np.random.Generator]

    def __len__(self) -> int:
        return len(self.generators)

    def normal(self, *shape: int) -> Tensor:
        return self._filled("standard_normal", shape)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * self._filled("random", shape)

    def log_uniform(self, *shape: int, low: float, high: float) -> Tensor:
        return self.uniform(*shape, low=math.log(low), high=math.log(high)).exp()

    def order(self, count: int, *shape: int) -> Tensor:
        """(T, *shape, count) the numbers 0 .. count - 1 in random orders."""
        return self.uniform(*shape, count).argsort(-1)

    def _filled(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        out = np.empty((len(self), math.prod(shape)), dtype=np.float32)
        for generator, row in zip(self.generators, out, strict=True):
            draw: Any = getattr(generator, kind)
            draw(out=row, dtype=np.float32)
        return torch.from_numpy(out).reshape(len(self), *shape)
