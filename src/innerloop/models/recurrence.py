"""LSTM, GRU and RNN step by step, in operations that can be batched over tasks.

torch's own kernels have no such rule. The layer stays what it is, parameters and attributes
included; its `forward` alone is another one with the same answers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

State = tuple[Tensor, ...]  # (hidden,), or of an LSTM (hidden, cell), each (rows, width)
Cell = Callable[[Tensor, State, Tensor, Tensor | None], State]


def lstm_cell(given: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """given: what the input says to the four gates (rows, 4 width)."""
    i, f, g, o = (given + F.linear(state[0], weight, bias)).chunk(4, -1)
    cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def gru_cell(given: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
    """given: what the input says to the two gates and the candidate (rows, 3 width)."""
    r, z, n = given.chunk(3, -1)
    hr, hz, hn = F.linear(state[0], weight, bias).chunk(3, -1)
    new = (n + (r + hr).sigmoid() * hn).tanh()
    keep = (z + hz).sigmoid()
    return (new + keep * (state[0] - new),)


def rnn_cell(
    given: Tensor, state: State, weight: Tensor, bias: Tensor | None, *, squash: Any
) -> State:
    return (squash(given + F.linear(state[0], weight, bias)),)


def cell_of(layer: nn.RNNBase | nn.RNNCellBase) -> Cell:
    if isinstance(layer, nn.LSTM | nn.LSTMCell):
        return lstm_cell
    if isinstance(layer, nn.GRU | nn.GRUCell):
        return gru_cell
    return partial(rnn_cell, squash=torch.relu if layer.nonlinearity == "relu" else torch.tanh)


def with_unrolled_recurrence(module: nn.Module) -> nn.Module:
    """The module, whose recurrent layers now run step by step. A subclass with a `forward` of its
    own keeps it."""
    layer: Any
    for layer in module.modules():
        forward = type(layer).forward
        if forward in (nn.LSTM.forward, nn.GRU.forward, nn.RNN.forward):
            layer.forward = partial(unrolled, layer)
        elif forward in (nn.LSTMCell.forward, nn.GRUCell.forward, nn.RNNCell.forward):
            layer.forward = partial(single_step, layer)
    return module


def unrolled(layer: nn.RNNBase, x: Any, state: Any = None) -> tuple[Tensor, Any]:
    """What the layer answers: (outputs, last state), of x (length, rows, inputs), batch first, or
    a single row without that dimension. A packed sequence goes to the layer's own kernel."""
    if isinstance(x, PackedSequence):
        return type(layer).forward(layer, x, state)
    single = x.dim() == 2
    rows = 1 if layer.batch_first and not single else 0
    steps = x.unsqueeze(1) if single else x.movedim(rows, 0)  # (length, rows, inputs)
    starts = _starts(layer, steps, state, single)
    cell, last = cell_of(layer), list[State]()
    directions = ("", "_reverse") if layer.bidirectional else ("",)
    for depth in range(layer.num_layers):
        if depth and layer.dropout:
            steps = F.dropout(steps, layer.dropout, layer.training)
        sides = []
        for direction in directions:
            name = f"_l{depth}{direction}"
            outputs, end = _along(layer, cell, name, steps, starts[len(last)], bool(direction))
            sides.append(outputs)
            last.append(end)
        steps = torch.cat(sides, -1)
    ends = tuple(torch.stack(part) for part in zip(*last, strict=True))  # (layers, rows, width)
    if single:
        steps, ends = steps.squeeze(1), tuple(end.squeeze(1) for end in ends)
    return steps.movedim(0, rows), ends if isinstance(layer, nn.LSTM) else ends[0]


def _starts(layer: nn.RNNBase, steps: Tensor, state: Any, single: bool) -> list[State]:
    """The state of each layer and direction before the first step."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    if state is None:
        widths = [layer.proj_size or layer.hidden_size, layer.hidden_size]
        parts = [steps.new_zeros(steps.shape[1], w) for w in widths]
        return [tuple(parts if isinstance(layer, nn.LSTM) else parts[:1])] * count
    given = state if isinstance(layer, nn.LSTM) else (state,)
    return [tuple(part[i][None] if single else part[i] for part in given) for i in range(count)]


def _along(
    layer: nn.RNNBase, cell: Cell, name: str, steps: Tensor, state: State, backwards: bool
) -> tuple[Tensor, State]:
    """(outputs (length, rows, width), last state) of one layer in one direction."""
    weight: Any
    recurrent: Any
    weight, recurrent, bias, recurrent_bias, project = (
        getattr(layer, f"{kind}{name}", None)
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    )
    given = F.linear(steps, weight, bias)  # all steps at once: they do not wait for the state
    outputs = []
    for step in reversed(given.unbind(0)) if backwards else given.unbind(0):
        state = cell(step, state, recurrent, recurrent_bias)
        if project is not None:
            state = (F.linear(state[0], project), *state[1:])
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs), state


def single_step(layer: nn.RNNCellBase, x: Tensor, state: Any = None) -> Any:
    """What an LSTMCell, GRUCell or RNNCell answers to x (rows, inputs), or to a single row."""
    if state is None:
        zeros = x.new_zeros(*x.shape[:-1], layer.hidden_size)
        state = (zeros, zeros) if isinstance(layer, nn.LSTMCell) else zeros
    state = state if isinstance(state, tuple) else (state,)
    given = F.linear(x, layer.weight_ih, layer.bias_ih)
    new = cell_of(layer)(given, state, layer.weight_hh, layer.bias_hh)
    return new if isinstance(layer, nn.LSTMCell) else new[0]
