"""A network that keeps running statistics: what metric and transfer learners embed with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.models.network import Model, Network
from innerloop.models.task_norm import Tape
from innerloop.tree import Tree

RUNNING = "running."  # prefix of a norm layer's statistics among the buffers
BATCHES = RUNNING + "batches"


class Encoder(Network):
    """A `Network` whose batch norms work as in torch: by the batch while learning, and by running
    statistics afterwards, so that an input's features do not depend on its companions.

    The running statistics live among the buffers, `running.<layer>` (2, channels), and are blended
    by `observe`: new = (1 - momentum) old + momentum seen. The first batches count in full, so
    that a short training does not keep a trace of the arbitrary beginning.

    >>> from torch import nn
    >>> encoder = Encoder(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    >>> params, state = encoder.init(torch.Generator().manual_seed(0))
    >>> features, state = encoder.observe(params, state, torch.randn(8, 2))
    >>> tuple(state["running.1"].shape), encoder.features
    ((2, 3), 3)
    """

    def __init__(self, model: Model, momentum: float = 0.1):
        super().__init__(model)
        self.momentum = momentum

    def init(self, generator: Generator | None = None) -> tuple[Params, Params]:
        """(params, state); without a generator a pretrained module's own running statistics."""
        params, state = super().init(generator)
        if not self.norms:
            return params, state
        layers = {name: self.module.get_submodule(name) for name in self.norms}
        for name, layer in layers.items():
            state[RUNNING + name] = _statistics(layer, fresh=generator is not None)
        tracked = [getattr(layer, "num_batches_tracked", None) for layer in layers.values()]
        known = [t for t in tracked if t is not None and generator is None]
        like = state[RUNNING + self.norms[0]]
        state[BATCHES] = like.new_tensor(max((int(t) for t in known), default=0))
        return params, state

    def apply(
        self,
        params: Params,
        buffers: Params,
        x: Tree,
        *,
        statistics: Params | None = None,
        training: bool = False,
    ) -> Tensor:
        """Features, one row per input, normalised by the running statistics."""
        statistics = statistics or _running(buffers) or None
        return super().apply(params, _others(buffers), x, statistics=statistics, training=training)

    def observe(
        self, params: Params, buffers: Params, x: Tree, *, training: bool = False
    ) -> tuple[Tensor, Params]:
        """Features normalised by this batch, and the state after it."""
        seen: Params = {}
        tape = Tape(None, seen, constant=True)
        outputs = self._run(params, _others(buffers), x, tape, training)
        if not seen:
            return outputs, buffers
        count = buffers[BATCHES]
        share = (1 / (count + 1)).clamp(min=self.momentum)
        state = {**buffers, BATCHES: count + 1}
        for name in self.norms:
            calls = [s for key, s in seen.items() if key.partition("#")[0] == name]
            if calls:
                old, new = buffers[RUNNING + name], torch.stack(calls).mean(0)
                state[RUNNING + name] = torch.lerp(old, new, share)
        return outputs, state

    @property
    def features(self) -> int:
        """How many features the module gives: its attribute `features`, else the width of its
        last layer."""
        declared = getattr(self.module, "features", None)
        if isinstance(declared, int):
            return declared
        last = self.module.get_submodule(self.output_layer)
        width = getattr(last, "out_features", getattr(last, "num_features", None))
        if isinstance(width, int) and not self.is_convolutional:
            return width
        raise InputError(
            f"how many features does {type(self.module).__name__} give? Set its attribute "
            "`features`, for example model.features = 512.",
            f"{type(self.module).__name__} 输出多少个特征？请设置属性 features，"
            "例如 model.features = 512。",
        )


def _statistics(layer: Any, *, fresh: bool) -> Tensor:
    """(2, channels): mean and variance."""
    if fresh or layer.running_mean is None:
        dtype = None if layer.weight is None else layer.weight.dtype
        zeros = torch.zeros(layer.num_features, dtype=dtype)
        return torch.stack([zeros, zeros + 1])
    return torch.stack([layer.running_mean, layer.running_var]).detach().clone()


def _running(buffers: Params) -> Params:
    return {n[len(RUNNING) :]: b for n, b in buffers.items() if n.startswith(RUNNING)}


def _others(buffers: Params) -> Params:
    return {n: b for n, b in buffers.items() if not n.startswith(RUNNING)}
