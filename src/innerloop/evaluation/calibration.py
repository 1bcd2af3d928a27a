"""Does a confidence of 0.8 mean right in 8 of 10 cases?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability curve: bins of equal width over the confidence, pooled over all answers.

    confidence, accuracy: (bins,) means within each bin, nan where it is empty. count: (bins,).
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor

    @property
    def error(self) -> float:
        """Expected calibration error (Naeini, Cooper and Hauskrecht 2015): the gap between
        confidence and accuracy, averaged over all answers; nan without any."""
        gap = (self.confidence - self.accuracy).abs().nan_to_num()
        return float((gap * self.count).sum() / self.count.sum())

    def to_json(self) -> dict[str, Any]:
        """Only the bins that hold something, as lists."""
        some = self.count > 0
        return {
            "confidence": self.confidence[some].tolist(),
            "accuracy": self.accuracy[some].tolist(),
            "count": self.count[some].tolist(),
        }


def reliability(confidence: Tensor, correct: Tensor, *, bins: int = BINS) -> Reliability:
    """confidence, correct: (rows,) the probability of each answer, and 1 where it was right.

    >>> curve = reliability(torch.tensor([0.7, 0.7, 0.9, 0.9]), torch.tensor([1, 0, 1, 1]), bins=5)
    >>> round(curve.error, 3)  # 0.2 too sure of the first two, 0.1 too modest about the others
    0.15
    """
    confidence, correct = confidence.double(), correct.double()
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1  # (rows,), bins are (low, high]
    count = torch.bincount(bin_of, minlength=bins)

    def mean_in_bin(value: Tensor) -> Tensor:
        return torch.bincount(bin_of, weights=value, minlength=bins) / count

    return Reliability(mean_in_bin(confidence), mean_in_bin(correct), count)


def expected_calibration_error(confidence: Tensor, correct: Tensor, *, bins: int = BINS) -> float:
    """The mean gap between confidence and accuracy over all answers.

    >>> expected_calibration_error(torch.tensor([1.0, 1.0]), torch.tensor([1, 0]))
    0.5
    """
    return reliability(confidence, correct, bins=bins).error
