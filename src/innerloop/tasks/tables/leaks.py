"""Columns that give the target away: a trap where they are known only after the target is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from innerloop.tasks.tables.reading import numbers_of, pandas, uncoded

EXACT, NEAR = 0.99999, 0.99  # correlation; or how often the class is the one that is expected
COMMON = 0.9  # two rows are of one class so often by chance alone: then nothing can be told


class Leaks(NamedTuple):
    """exact: columns from which a target follows without error; near: with hardly any."""

    exact: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


def leaks_in(
    train: Any, features: Sequence[str], answers: np.ndarray | None, classes: bool
) -> Leaks:
    """Judged on meta-training rows. answers: (rows,) class numbers or (rows, out) numbers."""
    if answers is None:
        return Leaks()
    answers = answers.reshape(len(answers), -1)
    told = {name: told_by(uncoded(train[name]), answers, classes) for name in features}
    exact = tuple(name for name, much in told.items() if much > EXACT)
    return Leaks(exact, tuple(n for n, much in told.items() if much > NEAR and n not in exact))


def told_by(raw: Any, answers: np.ndarray, classes: bool) -> float:
    """How much of the target that it tells best the column tells, from 0 to 1."""
    x = numbers_of(raw) if raw.dtype.kind in "fb" or raw.dtype == object else None
    if x is not None and (np.isnan(x).any() or len(np.unique(x)) < 2):
        x = None
    each = [answers[:, n] for n in range(answers.shape[1])]
    each = [target for target in each if len(np.unique(target)) > 1]
    found = [by_values(raw, target) for target in each]
    if x is not None:
        found += [by_order(x, target) if classes else by_line(x, target) for target in each]
    return max(found, default=0.0)


def by_line(x: np.ndarray, target: np.ndarray) -> float:
    """The correlation, of either sign."""
    with np.errstate(invalid="ignore"):
        return float(np.nan_to_num(abs(np.corrcoef(x, target)[0, 1])))


def by_values(raw: Any, target: np.ndarray) -> float:
    """How often a row has the commonest target of its value, of which there are few."""
    filled = raw.astype(object).where(raw.notna(), None)
    if not 2 <= filled.nunique(dropna=False) <= len(target) / 4 or one_kind(target):
        return 0.0
    pairs = pandas().DataFrame({"value": filled.to_numpy(), "target": target})
    counts = pairs.groupby("value", dropna=False)["target"].value_counts()
    return float(counts.groupby(level=0, dropna=False).max().sum() / len(target))


def by_order(x: np.ndarray, target: np.ndarray) -> float:
    """How often two rows that are neighbours by x are of one class."""
    if one_kind(target) or len(np.unique(x)) < len(np.unique(target)):
        return 0.0
    sorted_by_x = target[np.lexsort((target, x))]
    changes = int((sorted_by_x[1:] != sorted_by_x[:-1]).sum())
    needed = len(np.unique(target)) - 1
    return 1.0 - max(0, changes - needed) / len(target)


def one_kind(target: np.ndarray) -> bool:
    """Whether rows have one value so often that agreement says nothing."""
    shares = np.unique(target, return_counts=True)[1] / len(target)
    return bool((shares**2).sum() > COMMON)
