"""Batch norm without side effects: statistics come in and go out by a tape."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from innerloop.core import Params


@dataclass
class Tape:
    """What the norm layers are told and tell during one forward pass."""

    given: Params | None  # statistics to normalise with; None: the batch's own
    seen: Params | None  # where to leave the batch's own statistics; None: nowhere
    constant: bool = False  # what is left there is not differentiated
    calls: dict[str, int] = field(default_factory=dict)

    def key(self, layer: str) -> str:
        """A layer that is called twice has statistics for each call."""
        call = self.calls[layer] = self.calls.get(layer, 0) + 1
        return layer if call == 1 else f"{layer}#{call}"


tape_in_use: ContextVar[Tape] = ContextVar("tape")


class TaskNorm(nn.Module):
    """A batch norm whose statistics come in and go out by the tape instead of by side effect."""

    def __init__(self, layer: _BatchNorm, name: str):
        super().__init__()
        self.weight, self.bias, self.eps, self.name = layer.weight, layer.bias, layer.eps, name

    def forward(self, x: Tensor) -> Tensor:
        tape = tape_in_use.get()
        key = tape.key(self.name)
        reduced = [d for d in range(x.dim()) if d != 1]
        if tape.given is None and (tape.seen is None or tape.constant):
            y, mean, scale = torch.native_batch_norm(
                x, self.weight, self.bias, None, None, True, 0.0, self.eps
            )
            if tape.seen is not None:  # scale is 1 / sqrt(variance + eps)
                tape.seen[key] = torch.stack([mean, scale**-2 - self.eps]).detach()
            return y
        if tape.given is not None:
            given = tape.given.get(key)
            statistics = tape.given[self.name] if given is None else given
        else:
            statistics = _mean_and_variance(x, reduced)
            if tape.seen is not None:
                tape.seen[key] = statistics
        mean, var = statistics.unbind(0)
        shape = [-1 if d == 1 else 1 for d in range(x.dim())]
        scale = torch.rsqrt(var + self.eps)
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        return x * scale.view(shape) + shift.view(shape)


def _mean_and_variance(x: Tensor, reduced: list[int]) -> Tensor:
    """(2, channels)"""
    var, mean = torch.var_mean(x, reduced, correction=0)
    return torch.stack([mean, var])


def with_task_norms(module: nn.Module) -> tuple[nn.Module, list[str]]:
    """The module with its batch norms replaced, wherever they are used, and their names."""
    made: dict[nn.Module, TaskNorm] = {}
    for name, layer in list(module.named_modules(remove_duplicate=False)):
        if isinstance(layer, _BatchNorm):
            norm = made.setdefault(layer, TaskNorm(layer, name))
            if not name:
                return norm, [""]
            parent, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(parent), attribute, norm)
    return module, [norm.name for norm in made.values()]
