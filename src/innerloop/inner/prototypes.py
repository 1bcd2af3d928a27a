"""Classes in feature space: sums and counts, from which means follow and to which rows add."""

from __future__ import annotations

import torch
from torch import Tensor

from innerloop.core import Examples, Params
from innerloop.errors import InputError


def class_sums(features: Tensor, support: Examples) -> Params:
    """{"sums": (N, d), "counts": (N,)} of the support's real rows, from features (S, d).

    >>> support = Examples(torch.zeros(3, 1), torch.tensor([0, 1, 1]))
    >>> class_sums(torch.tensor([[1.0], [2.0], [4.0]]), support)
    {'sums': tensor([[1.],
            [6.]]), 'counts': tensor([1., 2.])}
    """
    member = membership(support).to(features.dtype)  # (S, N)
    if support.mask is not None:
        member = member * support.mask[:, None]
        features = torch.where(support.mask[:, None], features, 0.0)
    return {"sums": member.T @ features, "counts": member.sum(0)}


def membership(support: Examples) -> Tensor:
    """(S, N): True where the row is of the class. `one_hot` cannot be batched over tasks."""
    ways = support.ways or 1
    return support.y[:, None] == torch.arange(ways, device=support.y.device)


def add_classes(first: Params, second: Params) -> Params:
    """The sums of both; the one with fewer classes has none of the others."""
    ways = max(len(first["counts"]), len(second["counts"]))

    def grown(leaf: Tensor) -> Tensor:
        missing = ways - len(leaf)
        return torch.cat([leaf, leaf.new_zeros(missing, *leaf.shape[1:])])

    return {name: grown(first[name]) + grown(second[name]) for name in first}


def class_means(classes: Params) -> Tensor:
    """(N, d); a class without examples is at the origin."""
    return classes["sums"] / classes["counts"].clamp(min=1)[:, None]


def without_absent(logits: Tensor, classes: Params) -> Tensor:
    """A class without a single example cannot be the answer."""
    return torch.where(classes["counts"] > 0, logits, -torch.inf)


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (m, d) -> (n, m)."""
    return (a * a).sum(-1)[:, None] - 2 * a @ b.T + (b * b).sum(-1)


def require_classes(name: str, examples: Examples) -> None:
    if not examples.is_classification:
        raise InputError(
            f"{name} tells classes apart, but the targets are {_what(examples)[0]}; use maml, "
            "finetune without classes=, or nearest_neighbour.",
            f"{name} 只能在类别间区分，而目标是{_what(examples)[1]}；请使用 maml、不带 classes= 的 "
            "finetune 或 nearest_neighbour。",
        )


def _what(examples: Examples) -> tuple[str, str]:
    if examples.is_multilabel:
        return "labels of which a row may have several", "多标签"
    return "numbers (floating point)", "浮点数"
