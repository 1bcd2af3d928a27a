"""What a model's outputs say about a target: probabilities, a mean and a spread, a score.

A likelihood reads outputs row by row, `(rows, ...)`, so it serves one task and many alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.core import Examples
from innerloop.errors import InputError
from innerloop.losses import binary_cross_entropy, cross_entropy, mse

Metric = Literal["accuracy", "mse"]
LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


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


@dataclass(frozen=True)
class Normal:
    """Numbers with a mean and a standard deviation of their own: outputs (rows, out, 2).

        mean = outputs[..., 0],   std = least + softplus(outputs[..., 1])

    >>> outputs = torch.tensor([[[2.0, 0.5413]]])  # softplus(0.5413) = 1
    >>> Normal(least=0.0).answer(outputs), Normal(least=0.0).std(outputs)
    (tensor([[2.]]), tensor([[1.0000]]))
    """

    least: float = 0.01
    metric: ClassVar[Literal["mse"]] = "mse"

    def answer(self, outputs: Tensor) -> Tensor:
        return outputs[..., 0]

    def is_answer(self, outputs: Tensor) -> Tensor:
        return outputs.isfinite().flatten(1).all(1)

    def std(self, outputs: Tensor) -> Tensor:
        """The standard deviation of each target, shaped like the answer."""
        return self.least + F.softplus(outputs[..., 1])

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mse(self.answer(outputs), targets)

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        std = self.std(outputs)
        gap = (targets - self.answer(outputs)) / std
        return (0.5 * gap.square() + std.log() + LOG_ROOT_2_PI).flatten(1).sum(1)

    def below(self, outputs: Tensor, values: Tensor) -> Tensor:
        """The probability that a target is smaller than these values, shaped like them."""
        return torch.special.ndtr((values - self.answer(outputs)) / self.std(outputs))

    def quantile(self, outputs: Tensor, share: float) -> Tensor:
        """The value below which a target lies with probability `share`, shaped like the answer."""
        return self.answer(outputs) + self.std(outputs) * standard_quantile(outputs, share)


@dataclass(frozen=True)
class Mixture:
    """Numbers that follow one of M normals: outputs (rows, out, M, 3).

        weight = softmax_M(outputs[..., 0]),   mean = outputs[..., 1],
        std = least + softplus(outputs[..., 2])

    >>> two = torch.tensor([[[[0.0, -1.0, -9.0], [0.0, 1.0, -9.0]]]])
    >>> Mixture().answer(two), Mixture().std(two).round(decimals=2)
    (tensor([[0.]]), tensor([[1.]]))
    """

    least: float = 0.01
    metric: ClassVar[Literal["mse"]] = "mse"

    def answer(self, outputs: Tensor) -> Tensor:
        return (self._weights(outputs) * outputs[..., 1]).sum(-1)

    def is_answer(self, outputs: Tensor) -> Tensor:
        return outputs.isfinite().flatten(1).all(1)

    def std(self, outputs: Tensor) -> Tensor:
        """Of the whole mixture, shaped like the answer."""
        mean, weights = self.answer(outputs)[..., None], self._weights(outputs)
        variance = self._spread(outputs).square() + (outputs[..., 1] - mean).square()
        return (weights * variance).sum(-1).sqrt()

    def score(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return mse(self.answer(outputs), targets)

    def negative_log(self, outputs: Tensor, targets: Tensor) -> Tensor:
        std = self._spread(outputs)
        gap = (targets[..., None] - outputs[..., 1]) / std
        each = outputs[..., 0].log_softmax(-1) - 0.5 * gap.square() - std.log() - LOG_ROOT_2_PI
        return -each.logsumexp(-1).flatten(1).sum(1)

    def below(self, outputs: Tensor, values: Tensor) -> Tensor:
        """The probability that a target is smaller than these values, shaped like them."""
        share = torch.special.ndtr((values[..., None] - outputs[..., 1]) / self._spread(outputs))
        return (self._weights(outputs) * share).sum(-1)

    def quantile(self, outputs: Tensor, share: float) -> Tensor:
        """The value below which a target lies with probability `share`: by bisection between the
        lowest and the highest of the components' own."""
        each = outputs[..., 1] + self._spread(outputs) * standard_quantile(outputs, share)
        low, high = each.amin(-1), each.amax(-1)
        for _ in range(60):
            middle = (low + high) / 2
            under = self.below(outputs, middle) < share
            low, high = torch.where(under, middle, low), torch.where(under, high, middle)
        return (low + high) / 2

    def _weights(self, outputs: Tensor) -> Tensor:
        return outputs[..., 0].softmax(-1)

    def _spread(self, outputs: Tensor) -> Tensor:
        return self.least + F.softplus(outputs[..., 2])


def standard_quantile(like: Tensor, share: float) -> Tensor:
    """Of the standard normal: 1.645 for 0.95."""
    if not 0 < share < 1:
        raise InputError(
            f"a quantile's share must lie between 0 and 1, got {share}; write 0.05, 0.5 or 0.95.",
            f"分位数的比例必须在 0 与 1 之间，收到 {share}；例如 0.05、0.5 或 0.95。",
        )
    return torch.special.ndtri(like.new_tensor(share))


def likelihood_of(examples: Examples, *, scale: float = 1.0) -> Likelihood:
    """Integers are classes, bools labels, floats numbers with the standard deviation `scale`.

    >>> likelihood_of(Examples(torch.zeros(1, 2), torch.tensor([0])))
    Categorical()
    """
    if examples.is_multilabel:
        return Bernoulli()
    return Categorical() if examples.is_classification else Gaussian(scale)
