"""Set networks as one writes them by hand: all tasks in one batch of tensors, and one backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.contenders.torch_loop import ready
from innerloop.bench.material import Problem, Tasks, module_of

LEAST = 0.01  # standard deviation, as the learners have it


def setup(problem: Problem) -> Ready:
    module: Any = module_of(problem)
    network = module.network.network
    answer = {"cnp": by_mean, "in_context": by_attention}[problem.workload.algorithm]

    def accumulate(tasks: Tasks) -> None:
        xs, ys, xq, yq = map(torch.from_numpy, tasks)
        mean, raw = answer(network, xs, ys, xq).unbind(-1)
        spread = torch.distributions.Normal(mean, LEAST + F.softplus(raw))
        (-spread.log_prob(yq[..., 0]).mean()).backward()

    return ready(problem, module, accumulate)


def by_mean(network: Any, xs: Tensor, ys: Tensor, xq: Tensor) -> Tensor:
    """x and y (T, rows, 1) -> (T, Q, 2)"""
    mean = network.row(torch.cat([xs, ys], -1)).mean(1, keepdim=True)
    return network.answer(torch.cat([xq, mean.expand(-1, xq.shape[1], -1)], -1))  # type: ignore[no-any-return]


def by_attention(network: Any, xs: Tensor, ys: Tensor, xq: Tensor) -> Tensor:
    """x and y (T, rows, 1) -> (T, Q, 2)"""
    known = network.token(torch.cat([xs, ys, torch.ones_like(ys)], -1))
    asked = network.token(F.pad(xq, (0, 2)))
    first = network.first.weight.T.expand(len(xs), 1, -1)
    tokens, count = torch.cat([first, known, asked], 1), 1 + xs.shape[1]
    for block in network.blocks:
        normed = block.before(tokens)
        query = heads_of(block.query(normed), block.heads)
        key, value = block.key_value(normed[:, :count]).chunk(2, -1)
        seen = block.attend(query, heads_of(key, block.heads), heads_of(value, block.heads))
        tokens = tokens + block.out(seen.transpose(1, 2).flatten(2))
        tokens = tokens + block.down(F.gelu(block.up(block.between(tokens))))
    return network.answer(network.norm(tokens[:, count:]))  # type: ignore[no-any-return]


def heads_of(z: Tensor, heads: int) -> Tensor:
    """(T, n, width) -> (T, heads, n, d)"""
    return z.unflatten(-1, (heads, -1)).transpose(1, 2)
