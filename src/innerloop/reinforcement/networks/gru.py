"""A gated recurrent unit over whole trials, whose gradient is written out.

    r, z = sigmoid(given_rz + U_rz h),  n = tanh(given_n + r (U_n h + b)),  h' = n + z (h - n)

Cho et al. 2014 (arXiv:1406.1078). Step by step autograd keeps a graph of some twenty nodes a step;
here a step is three operations back, and the weights' gradient is one product at the end.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.core import Params


def cell(params: Params, name: str, x: Tensor, h: Tensor) -> Tensor:
    """The state (..., H) after one input (..., I)."""
    given = F.linear(x, params[f"{name}.input"], params[f"{name}.input_bias"])
    said = F.linear(h, params[f"{name}.state"], params[f"{name}.state_bias"])
    width = h.shape[-1]
    gates = (given[..., : 2 * width] + said[..., : 2 * width]).sigmoid()
    r, z = gates[..., :width], gates[..., width:]
    n = torch.addcmul(given[..., 2 * width :], r, said[..., 2 * width :]).tanh()
    return n + z * (h - n)


def along(params: Params, name: str, x: Tensor, h: Tensor) -> Tensor:
    """(L, T, H) the states after each of L inputs (L, T, I), from h (T, H) on."""
    given = F.linear(x, params[f"{name}.input"], params[f"{name}.input_bias"])
    states: Tensor = _Along.apply(given, h, params[f"{name}.state"], params[f"{name}.state_bias"])  # type: ignore[no-untyped-call]
    return states


class _Along(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        length, width = len(given), h.shape[-1]
        across = weight.T.contiguous()
        states, saids, gates, news = [h], [], [], []
        for t in range(length):
            said = torch.addmm(bias, h, across)
            gate = (given[t, :, : 2 * width] + said[:, : 2 * width]).sigmoid_()
            said = said[:, 2 * width :]
            new = tanh(torch.addcmul(given[t, :, 2 * width :], gate[:, :width], said))
            h = torch.lerp(new, h, gate[:, width:])
            states.append(h)
            saids.append(said)
            gates.append(gate)
            news.append(new)
        ctx.kept = saids, gates, news
        held = torch.stack(states)
        ctx.save_for_backward(held, weight)
        return held[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        states, weight = ctx.saved_tensors
        saids, gates, news = ctx.kept
        width = states.shape[-1]
        given, said = torch.empty(2, len(news), *states.shape[1:-1], 3 * width, dtype=states.dtype)
        back = torch.zeros_like(states[0])
        for t in reversed(range(len(news))):
            r, z, n = gates[t][:, :width], gates[t][:, width:], news[t]
            back = back + grads[0][t]
            on_new = back * (1 - z) * (1 - n * n)
            given[t, :, :width] = on_new * saids[t] * r * (1 - r)
            given[t, :, width : 2 * width] = back * (states[t] - n) * z * (1 - z)
            given[t, :, 2 * width :] = on_new
            said[t, :, : 2 * width] = given[t, :, : 2 * width]
            said[t, :, 2 * width :] = on_new * r
            back = torch.addmm(back * z, said[t], weight)
        flat = said.view(-1, 3 * width)
        on_weight = flat.T @ states[:-1].reshape(-1, width)
        return given, back, on_weight, flat.sum(0)


def tanh(x: Tensor) -> Tensor:
    """2 sigmoid(2 x) - 1: on a processor a tenth of the time of torch's own tanh.

    >>> bool((tanh(torch.linspace(-9, 9, 99)) - torch.linspace(-9, 9, 99).tanh()).abs().max() < 1e-6)
    True
    """
    return x.mul(2).sigmoid_().mul_(2).sub_(1)
