"""Small runs that the tests of use after training share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch

import innerloop as il

SHORT = {"meta_batch": 2, "validation_episodes": 4, "steps": 3, "progress": False}


def points(ways: int, shots: int, seed: int = 0) -> torch.Tensor:
    """(ways * shots, 1, 28, 28): clouds of images, class after class."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(ways * shots, 1, 28, 28, generator=generator)
    for way in range(ways):
        noise[way * shots : (way + 1) * shots, :, :, way * 5 : way * 5 + 5] += 3
    return noise


def digits(name: str, out=None, **settings) -> il.Run:
    outputs = None if getattr(il, name).suggestions.encoder else 5
    model = il.models.mlp(784, outputs, hidden=8)
    return il.train(getattr(il, name)(model, **settings), il.tasks.digits(), out=out, **SHORT)


@cache
def protonet() -> il.Run:
    return digits("protonet")


@cache
def maml() -> il.Run:
    return digits("maml", inner_lr=0.1, inner_steps=3)


def sines(out=None, model=None, **settings) -> il.Run:
    model = il.models.mlp(1, 1, hidden=4, layers=1) if model is None else model
    learner = il.maml(model, **{"inner_lr": 0.01, **settings})
    return il.train(learner, il.tasks.sinusoids(), out=out, **SHORT)


@dataclass(frozen=True)
class Celsius:
    """Raw rows are {"t": number as text}; targets are ten times what the learner sees."""

    name: ClassVar[str] = "celsius"
    scale: float = 10.0

    @property
    def settings(self) -> dict[str, Any]:
        return {"scale": self.scale}

    def x(self, raw: Any) -> torch.Tensor:
        return torch.tensor([[float(row["t"])] for row in raw])

    def answers(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs * self.scale

    def targets(self, raw: torch.Tensor) -> torch.Tensor:
        return raw / self.scale


X = np.linspace(-3, 3, 10)[:, None]
