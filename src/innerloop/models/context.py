"""A layer that also listens to a context vector, for learners that adapt that vector alone."""

from __future__ import annotations

import copy
import math
from typing import Literal

from torch import Tensor, nn

from innerloop.errors import InputError, not_one_of

Place = Literal["input", "features"]
CONTEXT = "context"  # the name of the vector, behind the layer's


class Listening(nn.Linear):
    """A linear layer beside whose weights stand a context vector and a map of it."""

    def __init__(self, layer: nn.Linear, context: int, heard: int):
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None)
        self.weight, self.bias = layer.weight, layer.bias
        self.context = nn.Parameter(self.weight.new_zeros(context))
        self.hears = nn.Parameter(self.weight.new_empty(heard, context))
        nn.init.kaiming_uniform_(self.hears, a=math.sqrt(5))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        if hasattr(self, "hears"):
            nn.init.kaiming_uniform_(self.hears, a=math.sqrt(5))
            nn.init.zeros_(self.context)


class Joined(Listening):
    """W [x, context] + b: the context is joined to every input.

    >>> import torch
    >>> layer = Joined(nn.Linear(2, 3), context=4)
    >>> layer(torch.zeros(5, 2)).shape, layer.hears.shape
    (torch.Size([5, 3]), torch.Size([3, 4]))
    """

    def __init__(self, layer: nn.Linear, context: int):
        super().__init__(layer, context, layer.out_features)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.hears @ self.context


class Filmed(Listening):
    """W (x (1 + scale) + shift) + b: the context scales and shifts every feature (FiLM, Perez et
    al. 2018, arXiv:1709.07871).

    >>> import torch
    >>> layer = Filmed(nn.Linear(2, 3), context=4)
    >>> layer(torch.zeros(5, 2)).shape, layer.hears.shape
    (torch.Size([5, 3]), torch.Size([4, 4]))
    """

    def __init__(self, layer: nn.Linear, context: int):
        super().__init__(layer, context, 2 * layer.in_features)

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = (self.hears @ self.context).chunk(2)
        return super().forward(x * (1 + scale) + shift)


def with_context(module: nn.Module, context: int, where: Place | None = None) -> nn.Module:
    """A copy whose first layer ("input") or last layer ("features") listens to a context vector.

    where: None for the first layer if it is linear, else the last one.

    >>> net = with_context(nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)), 4)
    >>> [name for name, _ in net.named_parameters()][:4]
    ['0.weight', '0.bias', '0.context', '0.hears']
    """
    if where not in (None, "input", "features"):
        raise not_one_of("where", ("input", "features"), where)
    if not isinstance(context, int) or context < 1:
        raise InputError(
            f"context counts the numbers that are adapted to a task and must be at least 1, got {context}; "
            "try 8.",
            f"context 是为任务调整的数字个数，至少为 1，收到 {context}；可试 8。",
        )
    new = copy.deepcopy(module)
    if hasattr(new, "spec"):
        del new.spec  # the call that made it would make it without context
    layers = [
        (name, layer)
        for name, layer in new.named_modules()
        if next(layer.parameters(recurse=False), None) is not None
    ]
    if where is None:
        where = "input" if layers and is_linear(layers[0][1]) else "features"
    name, layer = layers[0 if where == "input" else -1] if layers else ("", new)
    if not is_linear(layer):
        kind = type(layer).__name__
        raise InputError(
            f"a context joins a linear layer, but this model's {where} layer is a {kind}; "
            'take where="features" and a model that ends in a torch.nn.Linear.',
            f'context 连接线性层，但该模型的 {where} 层是 {kind}；请用 where="features"，'
            "并使模型以 torch.nn.Linear 结尾。",
        )
    listening = (Joined if where == "input" else Filmed)(layer, context)  # type: ignore[arg-type]
    if not name:
        return listening
    new.set_submodule(name, listening)
    return new


def is_linear(layer: nn.Module) -> bool:
    return type(layer) is nn.Linear


def context_of(names: list[str]) -> list[str]:
    """Those of the parameters' names that are a context vector."""
    return [name for name in names if name.rpartition(".")[2] == CONTEXT]
