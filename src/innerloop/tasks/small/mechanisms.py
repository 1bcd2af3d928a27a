"""How the tables of random structural models come about: what causes the features and the classes.

A mechanism takes random numbers, how many rows are wanted, which features a task has (T, 1, f),
and its ways N. It answers features x (T, rows, f), of which the others will not be seen, and scores
(T, rows, N): the higher that of a class, the likelier is the class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.tasks.small.numbers import Numbers


class Table(NamedTuple):
    """x: (T, rows, f). scores: (T, rows, N)."""

    x: Tensor
    scores: Tensor


Mechanism = Callable[[Numbers, int, Tensor, int], Table]

CAUSES, UNITS, LAYERS = 10, 24, 3  # of a graph
ACTIVATIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda a: a,
    torch.tanh,
    F.relu,
    torch.sin,
    torch.abs,
    lambda a: (-a.square()).exp(),
    torch.sign,
    lambda a: a.clamp(-1, 1).square(),
)


def graph(numbers: Numbers, rows: int, there: Tensor, ways: int) -> Table:
    """A random network of causes and effects: some of its nodes are features, others the scores.

    effects = activation(causes W) + noise,   W sparse, layer after layer
    """
    nodes = [causes(numbers, rows)]
    density = numbers.uniform(1, 1, low=0.1, high=1.0)
    noise = numbers.log_uniform(1, 1, low=0.01, high=0.3)
    likes = numbers.normal(1, len(ACTIVATIONS)) * 2  # a task may prefer some activations
    liked = torch.repeat_interleave(likes.softmax(-1), UNITS // len(ACTIVATIONS), -1)  # (T, 1, H)
    for _ in range(LAYERS):
        before = nodes[-1]
        links = numbers.uniform(before.shape[-1], UNITS) < density
        weights = numbers.normal(before.shape[-1], UNITS) * links * liked.sqrt().mT[:, :1]
        signal = unit(before @ weights) * numbers.log_uniform(1, UNITS, low=0.3, high=3.0)
        signal = signal + numbers.normal(1, UNITS) * 0.5
        effects = torch.cat(
            [
                act(part)
                for act, part in zip(ACTIVATIONS, signal.chunk(len(ACTIVATIONS), -1), strict=True)
            ],
            -1,
        )
        nodes.append(unit(effects) + noise * numbers.normal(rows, UNITS))
    return observed(numbers, torch.cat(nodes, -1), there, ways)


def observed(numbers: Numbers, nodes: Tensor, there: Tensor, ways: int) -> Table:
    """Late nodes (T, rows, n) are scores. Others are features: any, or those that tell of the
    scores, since people keep what matters."""
    count = nodes.shape[-1]
    early = torch.where(torch.arange(count) < count - 2 * UNITS, 2.0, 0.0)
    scored = (numbers.uniform(1, count) + early).argsort(-1)[..., :ways]
    scores = nodes.gather(-1, scored.expand(-1, nodes.shape[1], -1))
    told = (unit(nodes).mT @ unit(scores) / nodes.shape[1]).abs().amax(-1)[:, None]
    keys = numbers.uniform(1, count) - numbers.uniform(1, 1, high=2.0) * told
    seen = keys.scatter(-1, scored, 2.0).argsort(-1)[..., : there.shape[-1]]
    mixed_up = torch.where(there, numbers.uniform(1, there.shape[-1]), 2.0).argsort(-1)
    seen = seen.gather(-1, mixed_up)
    return Table(nodes.gather(-1, seen.expand(-1, nodes.shape[1], -1)), scores)


def causes(numbers: Numbers, rows: int) -> Tensor:
    """(T, rows, causes) some normal, some uniform, some in lumps."""
    normal = numbers.normal(rows, CAUSES)
    centres = 2 * numbers.normal(4, CAUSES)
    lump = (numbers.uniform(rows, 1) * 4).long().expand(-1, -1, CAUSES)
    lumpy = numbers.uniform(1, 1) < 0.3
    return unit(normal + torch.where(lumpy, centres.gather(1, lump), 0.0))


def mixed(numbers: Numbers, rows: int, features: int) -> Tensor:
    """(T, rows, features) features that are correlated more or less."""
    share = numbers.uniform(1, 1) ** 2
    common = unit(causes(numbers, rows) @ numbers.normal(CAUSES, features))
    return unit(share.sqrt() * common + (1 - share).sqrt() * numbers.normal(rows, features))


def relevance(numbers: Numbers, there: Tensor) -> Tensor:
    """(T, 1, features) how much each feature matters: in some tasks few do, in others all. Those
    that are not seen matter little."""
    sparse = numbers.uniform(1, 1, high=2.5)
    hidden = 0.3 * numbers.uniform(1, 1) ** 2
    weights = (sparse * numbers.normal(1, there.shape[-1])).exp() * torch.where(there, 1.0, hidden)
    return weights / weights.square().sum(-1, keepdim=True).sqrt()


def linear(numbers: Numbers, rows: int, there: Tensor, ways: int) -> Table:
    """Scores are weighted sums of the features."""
    x, features = mixed(numbers, rows, there.shape[-1]), there.shape[-1]
    weights = relevance(numbers, there).mT * numbers.normal(features, ways)
    return Table(x, x @ weights)


def smooth(numbers: Numbers, rows: int, there: Tensor, ways: int, waves: int = 24) -> Table:
    """Scores are smooth functions of the features: sums of random waves."""
    x, features = mixed(numbers, rows, there.shape[-1]), there.shape[-1]
    pace = numbers.log_uniform(1, 1, low=0.3, high=2.0)
    directions = pace * relevance(numbers, there).mT * numbers.normal(features, waves)
    turned = x @ directions + numbers.uniform(1, waves, high=2 * math.pi)
    return Table(x, turned.cos() @ numbers.normal(waves, ways))


def trees(numbers: Numbers, rows: int, there: Tensor, ways: int, count: int = 6) -> Table:
    """Scores are sums of decision trees of up to four questions, each about one feature."""
    x, features = mixed(numbers, rows, there.shape[-1]), there.shape[-1]
    depth = 4
    weight = relevance(numbers, there).squeeze(1).log()[:, None]  # (T, 1, features)
    keys = weight - numbers.uniform(count * depth, features).clamp(min=1e-6).log().neg().log()
    about = keys.argmax(-1)[:, None].expand(-1, rows, -1)  # (T, rows, count * depth)
    answers = x.gather(-1, about) > numbers.normal(1, count * depth) * 0.7
    asked = 1 + (numbers.uniform(1, count, 1) * depth).long() > torch.arange(depth)
    bits = (answers.unflatten(-1, (count, depth)) & asked).long()
    leaf = (bits * 2 ** torch.arange(depth)).sum(-1)  # (T, rows, count)
    values = numbers.normal(count, 2**depth, ways)
    size = numbers.normal(count, 1).mul(1.5).exp()  # one tree may outweigh the others
    flat = (values * size[..., None]).flatten(1, 2)  # (T, count * leaves, N)
    at = (leaf + torch.arange(count) * 2**depth).flatten(1)[..., None].expand(-1, -1, ways)
    return Table(x, flat.gather(1, at).unflatten(1, (rows, count)).sum(2))


def clusters(numbers: Numbers, rows: int, there: Tensor, ways: int) -> Table:
    """Every class is one cloud of rows, or up to three; scores say whose cloud a row is from."""
    clouds, features = 3, there.shape[-1]
    several = numbers.uniform(1, 1) < 0.4
    among = torch.where(several, float(clouds), 1.0)
    share = (numbers.normal(1, ways) * numbers.uniform(1, 1, high=1.2)).exp().cumsum(-1)
    label = (numbers.uniform(rows, 1) * share[..., -1:] > share).sum(-1)  # (T, rows)
    cloud = (numbers.uniform(rows) * among[..., 0]).long()
    apart = numbers.log_uniform(1, 1, low=0.7, high=5.0) * relevance(numbers, there)
    centres = apart * numbers.normal(ways * clouds, features)
    wide = (0.4 * numbers.uniform(1, 1) * numbers.normal(ways * clouds, features)).exp()
    which = (label * clouds + cloud)[..., None].expand(-1, -1, features)
    x = centres.gather(1, which) + wide.gather(1, which) * mixed(numbers, rows, features)
    return Table(x, 100.0 * F.one_hot(label, ways))


def unit(x: Tensor) -> Tensor:
    """Mean 0 and deviation 1 over the rows (T, rows, n); what is constant is 0."""
    x = x - x.mean(1, keepdim=True)
    return x / x.square().mean(1, keepdim=True).sqrt().clamp(min=1e-4)


MECHANISMS: dict[str, Mechanism] = {
    "graph": graph,
    "linear": linear,
    "smooth": smooth,
    "trees": trees,
    "clusters": clusters,
}
