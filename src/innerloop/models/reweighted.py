"""A weight for every input: the least that can be learnt about rows of numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from innerloop.models.named import named


class Reweighted(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.log_weight = nn.Parameter(torch.zeros(inputs))

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.log_weight)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) * self.log_weight.exp()


@named
def reweighted(inputs: int = 1, outputs: int | None = None) -> nn.Module:
    """x (rows, inputs) -> x * exp(w), w learnt and 0 at first: an encoder for prototypes or ridge. With
    outputs a linear layer follows.

    Before training features are the inputs themselves, and weight decay draws them back there; so a
    learner over it begins at its untrained counterpart and leaves it only as far as tasks ask for.

    >>> reweighted(3)(torch.eye(3)).equal(torch.eye(3))
    True
    """
    weights = Reweighted(inputs)
    net = nn.Sequential(weights, *([] if outputs is None else [nn.Linear(inputs, outputs)]))
    net.features = inputs  # type: ignore[assignment]
    return net
