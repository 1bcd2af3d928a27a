"""What a model's outputs say about a target: probabilities, a mean and a spread, a score.

A likelihood reads outputs row by row, `(rows, ...)`, so it serves one task and many alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor

from innerloop.core import Examples
from innerloop.losses import binary_cross_entropy, cross_entropy, mse

Metric = Literal["accuracy", "mse"]


class Likelihood(Protocol):
    """metric: the name of the headline figure, which `score` gives for each row."""

    @property
    def metric(self) -> Metric: ...

    def answer(self, outputs: Tensor) -> Tensor:
        """The best single answer: a class position (rows,), labels, or a mean like the target."""

    def is_answer(self, outputs: Tensor) -> Tensor:
        """(rows,) False where the outputs are not finite and so say nothing."""

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(rows,) 1 for a hit and 0 for a miss, the share of labels hit, or the squared error."""

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(rows,) minus the log-probability (or log-density) of the targets."""


@dataclass(frozen=True)
class Categorical:
    """One of N classes, by the softmax of N outputs.

    >>> Categorical().probabilities(torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]))
    tensor([[0.5000, 0.5000],
            [0.2500, 0.7500]])
    """

    metric: ClassVar[Literal["accuracy"]] = "accuracy"

    def probabilities(self, outputs: Tensor) -> Tensor:
        """(rows, N), each row sums to 1."""
        return outputs.softmax(-1)

    def answer(self, outputs: Tensor) -> Tensor:
        return outputs.argmax(-1)

    def is_answer(self, outputs: Tensor) -> Tensor:
        return self.probabilities(outputs).isfinite().all(-1)  # -inf rules a class out: fine

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (self.answer(outputs) == targets).to(outputs.dtype)

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(outputs, targets)


@dataclass(frozen=True)
class Bernoulli:
    """Labels of which a row may have several, each by the sigmoid of its own output (rows, out).

    >>> Bernoulli().probabilities(torch.tensor([[0.0, math.log(3)]]))
    tensor([[0.5000, 0.7500]])
    >>> Bernoulli().score(torch.tensor([[-1.0, 2.0]]), torch.tensor([[True, True]]))
    tensor([0.5000])
    """

    metric: ClassVar[Literal["accuracy"]] = "accuracy"

    def probabilities(self, outputs: Tensor) -> Tensor:
        """(rows, out) of each label; a row's need not sum to 1."""
        return outputs.sigmoid()

    def answer(self, outputs: Tensor) -> Tensor:
        """(rows, out) bool."""
        return outputs > 0

    def is_answer(self, outputs: Tensor) -> Tensor:
        return outputs.isfinite().flatten(1).all(1)

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        hits = (self.answer(outputs) == targets).to(outputs.dtype)
        return hits.flatten(1).mean(1)

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        labels = math.prod(outputs.shape[1:])
        return labels * binary_cross_entropy(outputs, targets)


@dataclass(frozen=True)
class Gaussian:
    """Numbers around the outputs, with a known standard deviation `scale` in the target's unit.

    >>> float(Gaussian().negative_log(torch.zeros(1, 1), torch.zeros(1, 1)))  # log sqrt(2 pi)
    0.9189385175704956
    """

    scale: float = 1.0
    metric: ClassVar[Literal["mse"]] = "mse"

    def answer(self, outputs: Tensor) -> Tensor:
        return outputs

    def is_answer(self, outputs: Tensor) -> Tensor:
        return outputs.isfinite().flatten(1).all(1)

    def std(self, outputs: Tensor) -> Tensor:
        """The standard deviation of each target, shaped like the answer."""
        return torch.full_like(outputs, self.scale)

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mse(outputs, targets)

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        numbers = math.prod(outputs.shape[1:])
        constant = math.log(self.scale * math.sqrt(2 * math.pi))
        return numbers * (mse(outputs, targets) / (2 * self.scale**2) + constant)


def likelihood_of(examples: Examples, *, scale: float = 1.0) -> Likelihood:
    """Integers are classes, bools labels, floats numbers with the standard deviation `scale`.

    >>> likelihood_of(Examples(torch.zeros(1, 2), torch.tensor([0])))
    Categorical()
    """
    if examples.is_multilabel:
        return Bernoulli()
    return Categorical() if examples.is_classification else Gaussian(scale)
