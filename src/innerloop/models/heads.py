"""Output layers as pure functions, for learners that give every task a fresh one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from innerloop.core import Params


class Head(Protocol):
    def draw(self, classes: int, features: int, generator: Generator | None) -> Params:
        """The layer that is learnt with the features: one output per meta-training class."""

    def start(self, centroids: Tensor) -> Params:
        """A new task's layer before its first step, from the classes' mean features (N, d)."""

    def apply(self, params: Params, features: Tensor) -> Tensor:
        """(rows, d) -> (rows, classes)."""


@dataclass(frozen=True)
class LinearHead:
    """w z + b, begun at zero: the first step already points the right way, and no draw is needed."""

    def draw(self, classes: int, features: int, generator: Generator | None) -> Params:
        return self.start(torch.zeros(classes, features))

    def start(self, centroids: Tensor) -> Params:
        weight = torch.zeros_like(centroids)
        return {"head.weight": weight, "head.bias": weight[:, 0].clone()}

    def apply(self, params: Params, features: Tensor) -> Tensor:
        return F.linear(features, params["head.weight"], params["head.bias"])


@dataclass(frozen=True)
class CosineHead:
    """scale * cos(w, z); a new task's w begin at the directions of its classes' mean features."""

    scale: float = 10.0

    def draw(self, classes: int, features: int, generator: Generator | None) -> Params:
        generator = generator or torch.Generator().manual_seed(0)
        return self.start(torch.randn(classes, features, generator=generator))

    def start(self, centroids: Tensor) -> Params:
        return {"head.weight": F.normalize(centroids, dim=-1)}

    def apply(self, params: Params, features: Tensor) -> Tensor:
        weight = F.normalize(params["head.weight"], dim=-1)
        return self.scale * F.normalize(features, dim=-1) @ weight.T
