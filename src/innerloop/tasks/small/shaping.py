"""From what a mechanism made to a table as people keep them: columns of all kinds, and classes."""

from __future__ import annotations

import torch
from torch import Tensor

from innerloop.tasks.small.mechanisms import unit
from innerloop.tasks.small.numbers import Numbers

CODES = 8  # values of a category, at most


def as_columns(numbers: Numbers, x: Tensor) -> Tensor:
    """(T, rows, f) the same columns, some stretched, some cut into grades, categories or yes/no."""
    tasks, _, features = x.shape
    x = unit(x)
    graded = numbers.uniform(1, features) < numbers.uniform(1, 1) ** 1.5
    bent = numbers.uniform(1, features) < 0.4 * numbers.uniform(1, 1)
    pace = numbers.normal(1, features)
    stretched = torch.where(bent, (pace * x).clamp(-8, 5).exp(), x)
    codes = 2 + (numbers.uniform(1, features) ** 2 * (CODES - 1)).long()
    spread = numbers.uniform(1, features, low=0.5, high=1.5)
    shift = 0.5 * numbers.normal(1, features)
    code = (torch.special.ndtr(x * spread + shift) * codes).long().clamp(0, CODES - 1)
    in_order = torch.arange(CODES, dtype=x.dtype).expand(tasks, features, CODES)
    named = numbers.uniform(features, 1) < 0.4 * numbers.uniform(1, 1)
    value = torch.where(named, numbers.order(CODES, features).to(x.dtype), in_order)
    return torch.where(graded, value.mT.gather(1, code), stretched)


def as_classes(numbers: Numbers, scores: Tensor, ways: int) -> Tensor:
    """(T, rows) class positions; each class has a row at least, and its number means nothing.

    Either the likeliest by scores (T, rows, N) and chance, or stretches of the first score.
    """
    noise = numbers.log_uniform(1, 1, low=0.01, high=0.6)
    favour = numbers.normal(1, ways) * numbers.uniform(1, 1)
    # Gumbel noise makes the highest score a draw from their softmax.
    chance = numbers.uniform(*scores.shape[1:]).clamp(1e-6, 1 - 1e-6).log().neg().log().neg()
    named = unit(scores) + favour + noise * chance
    stretched = stretches(
        numbers, unit(scores[..., :1]) + noise * numbers.normal(scores.shape[1], 1), ways
    )
    clouds = scores.amax((1, 2), keepdim=True) >= 50
    in_order = (numbers.uniform(1, 1) < 0.4) & ~clouds
    named = torch.where(clouds, scores + noise * chance, named)
    likely = torch.where(in_order, stretched, named)
    return with_every_class(numbers.order(ways), likely)


def stretches(numbers: Numbers, score: Tensor, ways: int) -> Tensor:
    """(T, rows, N) how near each row's place among all is to the middle of a class's stretch."""
    rows = score.shape[1]
    place = (score.argsort(1).argsort(1) + 0.5) / rows  # (T, rows, 1)
    share = (numbers.normal(1, ways) * numbers.uniform(1, 1, high=1.2)).exp()
    ends = (share / share.sum(-1, keepdim=True)).cumsum(-1)
    starts = torch.cat([torch.zeros_like(ends[..., :1]), ends[..., :-1]], -1)
    half = (ends - starts) / 2
    return -((place - (starts + half)) / half).abs()


def with_every_class(names: Tensor, likely: Tensor) -> Tensor:
    """The likeliest class of each row under its new number; a class without rows gets the row that
    is likeliest to be its own among those of which another class has several."""
    ways = likely.shape[-1]
    label = likely.argmax(-1)  # (T, rows)
    for n in range(ways):
        counts = torch.zeros_like(names).scatter_add(1, label, torch.ones_like(label))
        spare = counts.gather(1, label) > 1
        nearest = torch.where(spare, likely[..., n], -torch.inf).argmax(1, keepdim=True)
        missing = counts[:, n : n + 1] == 0
        label = label.scatter(1, nearest, torch.where(missing, n, label.gather(1, nearest)))
    return names.gather(1, label)
