"""The one place where a Module becomes (init, apply): pure functions over dicts of tensors."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.models.named import ModelSpec, model_spec
from innerloop.tree import Tree, tree_map

Build = Callable[[], nn.Module]
Model = nn.Module | Build


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


_tape: ContextVar[Tape] = ContextVar("tape")


class TaskNorm(nn.Module):
    """A batch norm whose statistics come in and go out by the tape instead of by side effect."""

    def __init__(self, layer: _BatchNorm, name: str):
        super().__init__()
        self.weight, self.bias, self.eps, self.name = layer.weight, layer.bias, layer.eps, name

    def forward(self, x: Tensor) -> Tensor:
        tape = _tape.get()
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


class Network:
    """A Module, or a function that makes one, as `init` and `apply`.

    Batch norm has no running averages here: a pass normalises with its own batch, or with the
    statistics it is given, and reports those it saw. Who keeps them, and where, is the method's
    business (in `fast` for a gradient-based learner, in `meta.state` for an encoder).
    """

    def __init__(self, model: Model):
        if isinstance(model, Network):
            raise InputError(
                "a Network is already wrapped; pass the Module itself.",
                "Network 已是包装后的模型；请直接传入 Module。",
            )
        self.spec: ModelSpec | None = None
        if isinstance(model, nn.Module):
            self.spec = model_spec(model)
            self._build: Build | None = self.spec.build if self.spec else None
        elif callable(model):
            self._build = model
            model = model()
        if not isinstance(model, nn.Module):
            raise InputError(
                f"a model must be a torch.nn.Module or a function that makes one, got "
                f"{type(model).__name__}.",
                f"模型必须是 torch.nn.Module 或返回它的函数，收到的是 {type(model).__name__}。",
            )
        self.module = model
        self.names = frozenset(name for name, _ in model.named_parameters())
        self._skeleton, self.norms = _with_task_norms(copy.deepcopy(model))
        self.is_random = any(isinstance(m, _DropoutNd) for m in model.modules())
        self.is_convolutional = any(isinstance(m, nn.modules.conv._ConvNd) for m in model.modules())
        self._lock = threading.RLock()  # functional_call swaps weights on the shared skeleton

    @property
    def draws_weights(self) -> bool:
        """True when a seed can draw fresh weights the way the model's author draws them."""
        return self._build is not None

    @property
    def head(self) -> list[str]:
        """The parameter names of the last layer that has any: its output layer."""
        owners = [name.rpartition(".")[0] for name, _ in self._skeleton.named_parameters()]
        return [
            n for n, _ in self._skeleton.named_parameters() if n.rpartition(".")[0] == owners[-1]
        ]

    def init(self, generator: Generator | None = None) -> tuple[Params, Params]:
        """(params, buffers). With a generator fresh weights are drawn: by calling the function
        that made the model, else by `reset_parameters` of its layers. Without one they are the
        weights that the module came with (a pretrained backbone keeps its own)."""
        module = self.module
        if generator is not None:
            seed = int(torch.randint(2**62, (), generator=generator))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                module = self._build() if self._build else _reset(copy.deepcopy(module))
        norms = {name for name, m in module.named_modules() if isinstance(m, _BatchNorm)}
        params = {n: p.detach().clone() for n, p in module.named_parameters()}
        buffers = {
            n: b.detach().clone()
            for n, b in module.named_buffers()
            if n.rpartition(".")[0] not in norms
        }
        kind = next(iter(self.module.parameters()), None)
        if kind is not None:
            params = {
                n: p.to(kind.dtype) if p.is_floating_point() else p for n, p in params.items()
            }
        return params, buffers

    def apply(
        self,
        params: Params,
        buffers: Params,
        x: Tree,
        *,
        statistics: Params | None = None,
        training: bool = False,
    ) -> Tensor:
        """Outputs, one row per input. `statistics` normalises; without it the batch does."""
        return self._run(params, buffers, x, Tape(statistics, None), training)

    def observe(
        self, params: Params, buffers: Params, x: Tree, *, training: bool = False
    ) -> tuple[Tensor, Params]:
        """Outputs, and the statistics (2, channels) that each norm layer saw in this batch."""
        seen: Params = {}
        return self._run(params, buffers, x, Tape(None, seen), training), seen

    def _run(self, params: Params, buffers: Params, x: Tree, tape: Tape, training: bool) -> Tensor:
        args, kwargs = _arguments(tree_map(channels_last, x) if self.is_convolutional else x)
        with self._lock, sdpa_kernel(SDPBackend.MATH):
            token = _tape.set(tape)
            try:
                self._skeleton.train(training)
                return functional_call(self._skeleton, {**params, **buffers}, args, kwargs)
            finally:
                _tape.reset(token)


def channels_last(x: Tensor) -> Tensor:
    """Images (rows, channels, height, width) with the same numbers, laid out as convolutions and
    pooling read them fastest. Spelled out because `memory_format` has no meaning under vmap."""
    if x.dim() != 4:
        return x
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def _arguments(x: Tree) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """A tensor is the module's argument, a tuple its arguments, a dict its keyword arguments."""
    if isinstance(x, dict):
        return (), x
    return (x if isinstance(x, tuple) else (x,)), {}


def _with_task_norms(module: nn.Module) -> tuple[nn.Module, list[str]]:
    """The module with its batch norms replaced, and their names."""
    if isinstance(module, _BatchNorm):
        return TaskNorm(module, ""), [""]
    norms = [(n, m) for n, m in module.named_modules() if isinstance(m, _BatchNorm)]
    for name, layer in norms:
        parent, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(parent), attribute, TaskNorm(layer, name))
    return module, [name for name, _ in norms]


def _reset(module: nn.Module) -> nn.Module:
    for layer in module.modules():
        reset = getattr(layer, "reset_parameters", None) or getattr(
            layer, "_reset_parameters", None
        )
        if callable(reset):
            reset()
    return module
