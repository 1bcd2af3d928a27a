"""Batch norm without side effects: statistics come in and go out by a tape."""

from __future__ import annotations

import copy
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from innerloop.core import Params
from innerloop.errors import InputError


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
    """A batch norm whose statistics come in and go out by the tape instead of by side effect.

    Layers that it holds (timm's BatchNormAct2d: dropout, activation) run after it, in their order.
    """

    def __init__(self, layer: _BatchNorm, name: str):
        super().__init__()
        self.weight, self.bias, self.eps, self.name = layer.weight, layer.bias, layer.eps, name
        for inner, module in layer.named_children():
            self.add_module(inner, module)

    def forward(self, x: Tensor) -> Tensor:
        x = self.normalised(x)
        for module in self.children():
            x = module(x)
        return x

    def normalised(self, x: Tensor) -> Tensor:
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
            if layer not in made:
                check_forward(layer)
            norm = made.setdefault(layer, TaskNorm(layer, name))
            if not name:
                return norm, [""]
            parent, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(parent), attribute, norm)
    return module, [norm.name for norm in made.values()]


def check_forward(layer: _BatchNorm) -> None:
    """A batch norm of another house, with a forward of its own, must do what its `TaskNorm` does."""
    if type(layer).forward.__module__.startswith("torch."):
        return
    norm, alone = TaskNorm(layer, "it").eval(), copy.deepcopy(layer).eval()
    rows, sides = 4, {"BatchNorm1d": 0, "BatchNorm2d": 2, "BatchNorm3d": 3}
    dims = next((sides[k.__name__] for k in type(layer).__mro__ if k.__name__ in sides), 2)
    like = next(iter([*layer.parameters(), *layer.buffers()]), torch.zeros(()))
    numbers = torch.linspace(-2, 2, rows * layer.num_features * 2**dims).sin().to(like)
    x = numbers.view(rows, layer.num_features, *[2] * dims)
    given = None
    if layer.running_mean is not None and layer.running_var is not None:
        given = {"it": torch.stack([layer.running_mean, layer.running_var])}
    token = tape_in_use.set(Tape(given, None))
    try:
        with torch.no_grad():
            same = torch.allclose(norm(x), alone(x.clone()), rtol=1e-3, atol=1e-4)
    except (RuntimeError, TypeError, NotImplementedError):
        same = False
    finally:
        tape_in_use.reset(token)
    if not same:
        name = type(layer).__name__
        raise InputError(
            f"{name} is a batch norm with a forward of its own, which cannot take a task's statistics; "
            "use torch.nn.BatchNorm2d, or a norm that looks at one row alone (GroupNorm, LayerNorm).",
            f"{name} 是自定义 forward 的批归一化，无法使用任务的统计量；"
            "请使用 torch.nn.BatchNorm2d，或只看单行的归一化（GroupNorm、LayerNorm）。",
        )
