"""A small set encoder that learns to recognise a task by its rows.

DeepSets (Zaheer et al. 2017, arXiv:1703.06114) trained with InfoNCE (van den Oord, Li and Vinyals
2018, arXiv:1807.03748).
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.func import vmap
from torch.nn import functional as F

from innerloop.core import Episodes, Examples, Params
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.inner.prototypes import membership
from innerloop.structure.point import Point, TaskEncoder
from innerloop.tree import Tree, tree_leaves

TEMPERATURE = 0.1
LR = 2e-3


def contrastive(
    tasks: Stream,
    *,
    steps: int = 500,
    meta_batch: int = 64,
    width: int = 64,
    dims: int = 16,
    seed: int = 0,
) -> TaskEncoder:
    """Two disjoint sets of rows of one task are drawn together, those of other tasks apart.

        e(set) = normalised decode(mean and max over rows of encode(x, y))
        loss = -log exp(e(support_t) . e(query_t) / 0.1) / sum_u exp(e(support_t) . e(query_u) / 0.1)

    and the same the other way round. Rows of classes are pooled class by class, then over the
    classes, so that neither the order of the rows nor that of the classes matters.
    tasks: where tasks come from, `tasks.train`. It knows no learner: a map of what can be seen of
        the tasks themselves.

    >>> import innerloop as il
    >>> encode = contrastive(il.tasks.sinusoids().train, steps=2, width=8, dims=4)
    >>> encode.many(il.tasks.sinusoids().test.sample(tasks=3)).mean.shape
    torch.Size([3, 4])
    """
    if min(steps, width, dims) < 1 or meta_batch < 2:
        raise InputError(
            f"steps, width and dims must be at least 1 and meta_batch at least 2, got steps={steps}, "
            f"width={width}, dims={dims}, meta_batch={meta_batch}; leave them out for the usual ones.",
            f"steps、width、dims 至少为 1，meta_batch 至少为 2，收到 steps={steps}、width={width}、"
            f"dims={dims}、meta_batch={meta_batch}；不写即用常用值。",
        )
    first = tasks.sample(seed, 0, meta_batch)
    scale = scaling(first)
    params = drawn(len(scale[0]), width, dims, Generator().manual_seed(seed))
    leaves = {name: leaf.requires_grad_() for name, leaf in params.items()}
    optimiser = torch.optim.Adam(leaves.values(), lr=LR)
    for step in range(steps):
        loss = info_nce(leaves, scale, tasks.sample(seed, step, meta_batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    learnt = {name: leaf.detach() for name, leaf in leaves.items()}

    def one(support: Examples) -> Point:
        mean = encode(learnt, scale, support)
        return Point(mean, torch.zeros_like(mean))

    return TaskEncoder("contrastive encoder", one)


def info_nce(params: Params, scale: tuple[Tensor, Tensor], episodes: Episodes) -> Tensor:
    """The mean loss of telling each task's query set among all tasks', and its support set."""
    both = episodes.as_episode()
    support, query = (
        vmap(lambda side: encode(params, scale, side))(side) for side in (both.support, both.query)
    )
    likeness = support @ query.T / TEMPERATURE  # (T, T)
    own = torch.arange(len(likeness))
    return (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2


def encode(params: Params, scale: tuple[Tensor, Tensor], examples: Examples) -> Tensor:
    """(dims,) of length one."""
    rows = (numbers(examples) - scale[0]) / scale[1]  # (S, inputs)
    real = torch.ones(len(rows), dtype=torch.bool) if examples.mask is None else examples.mask
    member = real[:, None]
    if examples.is_classification:
        member = membership(examples) & member  # (S, N)
    hidden = dense(params, "row.1", dense(params, "row.0", rows).relu()).relu()  # (S, width)
    sets = dense(params, "set.0", pooled(hidden[:, None], member[..., None])).relu()  # (N, width)
    there = member.any(0)  # (N,)
    return F.normalize(dense(params, "set.1", pooled(sets, there[:, None])), dim=-1)


def pooled(values: Tensor, counted: Tensor) -> Tensor:
    """Mean and maximum over the first dimension of what counts; values >= 0."""
    kept = torch.where(counted, values, 0.0)
    return torch.cat([kept.sum(0) / counted.sum(0).clamp(min=1), kept.amax(0)], -1)


def dense(params: Params, name: str, x: Tensor) -> Tensor:
    return x @ params[f"{name}.weight"] + params[f"{name}.bias"]


def drawn(inputs: int, width: int, dims: int, generator: Generator) -> Params:
    sizes = {
        "row.0": (inputs, width),
        "row.1": (width, width),
        "set.0": (2 * width, width),
        "set.1": (2 * width, dims),
    }
    params = {}
    for name, (rows, columns) in sizes.items():
        weight = torch.randn(rows, columns, generator=generator)
        params[f"{name}.weight"] = weight * math.sqrt(2 / rows)
        params[f"{name}.bias"] = torch.zeros(columns)
    return params


def numbers(examples: Examples) -> Tensor:
    """(S, inputs): all numbers of x, and those of y where it is no class."""
    leaves: Tree = tree_leaves(examples.x)
    columns = [leaf.to(torch.float32).flatten(1) for leaf in leaves]
    if not examples.is_classification:
        columns.append(examples.y.to(torch.float32).flatten(1))
    return torch.cat(columns, 1)


def scaling(episodes: Episodes) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every column, over the rows of these support sets."""
    rows = torch.cat([numbers(task.support) for task in episodes])
    spread = rows.std(0)
    return rows.mean(0), torch.where(spread > 0, spread, 1.0)
