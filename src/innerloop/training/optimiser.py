"""The optimisation strategy: how the meta-parameters move, given the meta-gradient.

All meta-parameters are one vector (P,), so a step is a handful of operations whatever the number
of layers, and it is pure: a step that turns out not to be finite is simply not taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.core import Params
from innerloop.errors import not_one_of

Memory = dict[str, Tensor]


@dataclass(frozen=True)
class Optimiser:
    """init(weights) -> memory; update(gradient, memory, weights, lr) -> (weights, memory); pure."""

    name: str
    settings: dict[str, Any]
    init: Callable[[Tensor], Memory]
    update: Callable[[Tensor, Memory, Tensor, float], tuple[Tensor, Memory]]


class Layout(NamedTuple):
    """Which part of the vector is which parameter."""

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    kinds: tuple[torch.dtype, ...]

    @classmethod
    def of(cls, params: Params) -> Layout:
        leaves = params.values()
        return cls(tuple(params), tuple(p.shape for p in leaves), tuple(p.dtype for p in leaves))

    def pack(self, params: Params) -> Tensor:
        """(P,) in the widest of the parameters' types.

        >>> params = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)}
        >>> Layout.of(params).pack(params)
        tensor([1., 1., 1., 1., 1., 1., 0., 0.])
        """
        if not self.names:
            return torch.zeros(0)
        return torch.cat([params[name].reshape(-1) for name in self.names])

    def unpack(self, vector: Tensor) -> Params:
        """The parameters as views of the vector."""
        parts = vector.split([shape.numel() for shape in self.shapes]) if self.names else ()
        return {
            name: part.view(shape) if part.dtype == kind else part.view(shape).to(kind)
            for name, part, shape, kind in zip(
                self.names, parts, self.shapes, self.kinds, strict=True
            )
        }


def adam(*, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8) -> Optimiser:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980)."""
    settings = {"betas": list(betas), "eps": eps}
    return Optimiser("adam", settings, _adam_memory, _adam_update(*betas, eps, 0.0))


def adamw(
    *,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> Optimiser:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""
    settings = {"weight_decay": weight_decay, "betas": list(betas), "eps": eps}
    return Optimiser("adamw", settings, _adam_memory, _adam_update(*betas, eps, weight_decay))


def sgd(*, momentum: float = 0.0, weight_decay: float = 0.0) -> Optimiser:
    """weights -= lr v, v = momentum v + g + weight_decay weights."""

    def init(weights: Tensor) -> Memory:
        return {"velocity": torch.zeros_like(weights)} if momentum else {}

    def update(g: Tensor, memory: Memory, weights: Tensor, lr: float) -> tuple[Tensor, Memory]:
        if weight_decay:
            g = g.add(weights, alpha=weight_decay)
        if momentum:
            g = memory["velocity"].mul(momentum).add_(g)
            memory = {"velocity": g}
        return weights.sub(g, alpha=lr), memory

    return Optimiser("sgd", {"momentum": momentum, "weight_decay": weight_decay}, init, update)


def _adam_memory(weights: Tensor) -> Memory:
    return {
        "count": torch.zeros((), dtype=torch.float64),
        "mean": torch.zeros_like(weights),
        "square": torch.zeros_like(weights),
    }


def _adam_update(first: float, second: float, eps: float, decay: float) -> Any:
    def update(g: Tensor, memory: Memory, weights: Tensor, lr: float) -> tuple[Tensor, Memory]:
        count = memory["count"] + 1
        mean = memory["mean"].lerp(g, 1 - first)
        square = memory["square"].mul(second).addcmul_(g, g, value=1 - second)
        done = count.item()
        a, b = 1 - first**done, 1 - second**done
        scale = square.sqrt().div_(math.sqrt(b)).add_(eps)
        kept = weights.mul(1 - lr * decay) if decay else weights
        new = kept.addcdiv(mean, scale, value=-lr / a)
        return new, {"count": count, "mean": mean, "square": square}

    return update


def clipped(gradient: Tensor, clip: float | None) -> tuple[Tensor, float]:
    """(the gradient, shortened to length `clip` if it is longer, its length before).

    >>> clipped(torch.tensor([3.0, 4.0]), 1.0)
    (tensor([0.6000, 0.8000]), 5.0)
    """
    double = None if gradient.device.type == "mps" else torch.float64
    length = torch.linalg.vector_norm(gradient, dtype=double).item()
    if clip is None or not clip < length < math.inf:
        return gradient, length
    return gradient.mul(clip / length), length


def sound(leaf: Tensor) -> bool:
    """Whether every number is finite. If their sum is, they are; if not, it may only be too large.

    >>> [sound(torch.tensor(numbers)) for numbers in ([1.0], [1.0, math.nan], [3e38, 3e38])]
    [True, False, True]
    """
    if not leaf.is_floating_point():
        return True
    return math.isfinite(leaf.sum().item()) or bool(leaf.isfinite().all())


OPTIMISERS: dict[str, Callable[..., Optimiser]] = {"adam": adam, "adamw": adamw, "sgd": sgd}


def by_name(value: Any, table: dict[str, Callable[..., Any]], what: str, **settings: Any) -> Any:
    """A value of the table's kind as it is; a name becomes the value it stands for."""
    if not isinstance(value, str):
        return value
    if value not in table:
        raise not_one_of(what, table, value)
    return table[value](**settings)
