"""Multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from innerloop.models.named import named


@named
def mlp(
    inputs: int = 1, outputs: int | None = 1, *, hidden: int = 40, layers: int = 2
) -> nn.Module:
    """Linear and ReLU layers: x (rows, inputs) -> (rows, outputs), or (rows, hidden) without outputs.

    The defaults are the sinusoid network of Finn et al. 2017 (two hidden layers of 40).

    >>> [tuple(p.shape) for p in mlp(1, 1).parameters()][:2]
    [(40, 1), (40,)]
    """
    body = [
        layer
        for a, b in pairwise([inputs, *[hidden] * layers])
        for layer in (nn.Linear(a, b), nn.ReLU())
    ]
    features = hidden if layers else inputs
    head = [] if outputs is None else [nn.Linear(features, outputs)]
    net = nn.Sequential(nn.Flatten(), *body, *head)
    net.features = features  # type: ignore[assignment]
    return net
