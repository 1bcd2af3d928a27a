"""A transformer that reads a growing sequence: whole trials at once, or one step after another.

Two streams share its weights (Vaswani et al. 2017, arXiv:1706.03762, with the norms before): tokens
read all tokens before them and themselves; questions read the tokens, and nobody reads questions. So
tokens are read once, however many questions follow. Order is not told: tokens bear no positions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from innerloop.core import Params
from innerloop.reinforcement.networks.linear import linear, linear_weights


class Read(NamedTuple):
    """What was read: keys and values of each layer, (..., n, layers, D)."""

    keys: Tensor
    values: Tensor


def transformer_weights(name: str, width: int, layers: int, generator: Generator | None) -> Params:
    """Of `along`, `read` and `asked`."""
    params: Params = {}
    for i in range(layers):
        here = f"{name}.{i}"
        for part in ("keys", "values", "queries"):
            params |= linear_weights(f"{here}.{part}", width, width, generator)
        small = (2 * layers) ** -0.5
        params |= linear_weights(f"{here}.back", width, width, generator, small)
        params |= linear_weights(f"{here}.up", width, 2 * width, generator)
        params |= linear_weights(f"{here}.down", 2 * width, width, generator, small)
        for part in ("attention_norm", "mlp_norm"):
            params[f"{here}.{part}.weight"] = torch.ones(width)
            params[f"{here}.{part}.bias"] = torch.zeros(width)
    return params


def along(
    params: Params, name: str, layers: int, heads: int, tokens: Tensor, questions: Tensor
) -> Tensor:
    """(..., n, D) answers to questions (..., n, D); the i-th has read tokens 0 to i of (..., n, D)."""
    for i in range(layers):
        here = f"{name}.{i}"
        x = norm(params, f"{here}.attention_norm", tokens)
        keys, values = linear(params, f"{here}.keys", x), linear(params, f"{here}.values", x)
        asks = norm(params, f"{here}.attention_norm", questions)
        questions = questions + attend(params, here, heads, asks, keys, values, True)
        questions = questions + mlp(params, here, questions)
        if i < layers - 1:
            tokens = tokens + attend(params, here, heads, x, keys, values, True)
            tokens = tokens + mlp(params, here, tokens)
    return questions


def read(
    params: Params, name: str, layers: int, heads: int, token: Tensor, before: Read | None
) -> Read:
    """What was read before and one more token (..., D)."""
    kept, token = [], token[..., None, :]
    for i in range(layers):
        here = f"{name}.{i}"
        x = norm(params, f"{here}.attention_norm", token)
        keys, values = linear(params, f"{here}.keys", x), linear(params, f"{here}.values", x)
        kept.append((keys, values))
        if before is not None:
            keys = torch.cat([before.keys[..., i, :], keys], -2)
            values = torch.cat([before.values[..., i, :], values], -2)
        token = token + attend(params, here, heads, x, keys, values, False)
        token = token + mlp(params, here, token)
    new = Read(*(torch.stack(leaves, -2) for leaves in zip(*kept, strict=True)))
    if before is None:
        return new
    return Read(*(torch.cat(pair, -3) for pair in zip(before, new, strict=True)))


def asked(
    params: Params, name: str, layers: int, heads: int, question: Tensor, known: Read
) -> Tensor:
    """(..., D) the answer to one question (..., D)."""
    question = question[..., None, :]
    for i in range(layers):
        here = f"{name}.{i}"
        asks = norm(params, f"{here}.attention_norm", question)
        keys, values = known.keys[..., i, :], known.values[..., i, :]
        question = question + attend(params, here, heads, asks, keys, values, False)
        question = question + mlp(params, here, question)
    return question[..., 0, :]


def attend(
    params: Params, here: str, heads: int, x: Tensor, keys: Tensor, values: Tensor, causal: bool
) -> Tensor:
    queries = linear(params, f"{here}.queries", x)
    q, k, v = (apart(leaf, heads) for leaf in (queries, keys, values))
    found = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return linear(params, f"{here}.back", found.transpose(-3, -2).flatten(-2))


def apart(x: Tensor, heads: int) -> Tensor:
    """(..., n, D) -> (..., heads, n, D / heads)"""
    return x.unflatten(-1, (heads, -1)).transpose(-3, -2)


def mlp(params: Params, here: str, x: Tensor) -> Tensor:
    x = norm(params, f"{here}.mlp_norm", x)
    return linear(params, f"{here}.down", linear(params, f"{here}.up", x).relu())


def norm(params: Params, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], params[f"{name}.weight"], params[f"{name}.bias"])
