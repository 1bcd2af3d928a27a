"""The target columns of a table: classes, numbers, or labels of which a row may have several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from innerloop.errors import InputError
from innerloop.tasks.base import Kind
from innerloop.tasks.tables.columns import NO, YES
from innerloop.tasks.tables.reading import listed, numbers_of, values_of

FEW = 10  # different whole numbers that are taken for classes
MOSTLY = 0.8  # of different values are numbers: then the others are mistakes, and named as such
BINARY = {**dict.fromkeys((*YES, "1"), 1.0), **dict.fromkeys((*NO, "0"), 0.0)}


@dataclass(frozen=True)
class Targets:
    """labels: (rows,) class numbers; or numbers: (rows, out) as they stand in the table, or 0/1.

    classes: of the labels, those of meta-training first; `known` is how many these are.
    guess: what was guessed of the kind, in words.
    """

    kind: Kind
    names: tuple[str, ...]
    labels: np.ndarray | None = None
    numbers: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    known: int = 0
    guess: tuple[str, str] | None = None


def read_targets(
    frame: Any,
    names: Sequence[str],
    kind: Kind | None,
    train: np.ndarray | None,
    known: Sequence[str] = (),
) -> Targets:
    """The targets of all rows; what is guessed is guessed from those of meta-training alone.

    known: classes of an earlier fit, which keep their numbers.
    """
    if not names:
        raise InputError(
            "a table needs a target column; name it with --target.",
            "表格需要目标列；请用 --target 指定。",
        )
    if kind not in (None, "classification", "regression", "multilabel"):
        raise InputError(
            f"kind must be classification, regression or multilabel, got {kind!r}.",
            f"kind 必须是 classification、regression 或 multilabel，收到 {kind!r}。",
        )
    train = np.ones(len(frame), dtype=bool) if train is None else train
    guess = None
    if kind is None:
        kind, guess = guess_kind(frame[train], names)
    refuse_missing(frame, names)
    if kind == "classification":
        if len(names) > 1:
            raise InputError(
                f"to classify there is one target, got {listed(names)}; for several yes/no labels "
                "say kind='multilabel'.",
                f"分类只有一个目标，收到 {listed(names)}；若为多个是/否标签，请指定 kind='multilabel'。",
            )
        return classes_in(frame, names[0], train, known, guess)
    read = numbers_in if kind == "regression" else labels_in
    columns = np.stack([read(frame, name) for name in names], 1)
    return Targets(kind, tuple(names), numbers=columns, guess=guess)


def guess_kind(frame: Any, names: Sequence[str]) -> tuple[Kind, tuple[str, str]]:
    """The kind of these rows' targets, and a sentence that says so."""
    each = {name: frame[name].drop_duplicates().dropna() for name in names}
    if len(names) > 1:
        binary = all(
            len(column) <= 2 * len(BINARY)
            and all(str(v).lower() in BINARY for v in values_of(column))
            for column in each.values()
        )
        if binary:
            return "multilabel", _said(
                "multilabel", "every target is yes or no", "每个目标都是是/否"
            )
        return "regression", _said("regression", "there are several targets", "有多个目标")
    [name] = names
    if each[name].dtype.kind == "f" and len(each[name]) > FEW:
        return "regression", _said("regression", "the target is a number", "目标是数值")
    distinct = sorted({v for v in values_of(each[name]) if v is not None})
    read = [number_or_none(v) for v in distinct]
    if sum(number is not None for number in read) <= MOSTLY * len(distinct):
        return "classification", _said("classification", "the target is text", "目标是文本")
    whole = all(number is not None and number.is_integer() for number in read)
    if whole and len(distinct) <= FEW:
        why = f"the target has {len(distinct)} different whole values"
        return "classification", _said(
            "classification", why, f"目标只有 {len(distinct)} 个整数取值"
        )
    return "regression", _said("regression", "the target is a number", "目标是数值")


def _said(kind: str, why: str, why_zh: str) -> tuple[str, str]:
    return (
        f"the kind is {kind}, since {why}; --kind says otherwise",
        f"类型为 {kind}，因为{why_zh}；可用 --kind 更改",
    )


def refuse_missing(frame: Any, names: Sequence[str]) -> None:
    for name in names:
        missing = (np.flatnonzero(frame[name].isna()) + 1).tolist()
        if missing:
            raise rows_are_wrong(name, "missing", "缺失", missing)


def rows_are_wrong(name: str, what: str, what_zh: str, rows: Sequence[int]) -> InputError:
    return InputError(
        f"the target {name!r} is {what} in {len(rows)} rows ({listed(rows, 5)}; the first below the "
        "header is 1); correct them or remove these rows.",
        f"目标 {name!r} 有 {len(rows)} 行{what_zh}（{listed(rows, 5)}；表头下第一行为 1）；"
        "请更正或删除这些行。",
    )


def numbers_in(frame: Any, name: str) -> np.ndarray:
    """(rows,) float64, all finite."""
    values = numbers_of(frame[name])
    wrong = (np.flatnonzero(np.isnan(values)) + 1).tolist()
    if wrong:
        [value] = values_of(frame[name].iloc[[wrong[0] - 1]])
        raise rows_are_wrong(
            name, f"no finite number (such as {value!r})", f"不是有限数值（如 {value!r}）", wrong
        )
    return values


def labels_in(frame: Any, name: str) -> np.ndarray:
    """(rows,) 1 for yes and 0 for no."""
    values = [BINARY.get(str(value).lower()) for value in values_of(frame[name])]
    wrong = [n + 1 for n, value in enumerate(values) if value is None]
    if wrong:
        raise rows_are_wrong(name, "neither yes (1) nor no (0)", "既非是（1）也非否（0）", wrong)
    return np.array(values, dtype=np.float64)


def classes_in(
    frame: Any, name: str, train: np.ndarray, known: Sequence[str], guess: tuple[str, str] | None
) -> Targets:
    values = [str(value) for value in values_of(frame[name])]
    seen = list(known) or in_order(
        {v for v, is_train in zip(values, train, strict=True) if is_train}
    )
    classes = [*seen, *in_order(set(values) - set(seen))]
    if len(classes) < 2:
        raise InputError(
            f"to classify, a target needs at least 2 values, {name!r} has {listed(classes)} alone; "
            "name another.",
            f"分类目标至少需要 2 个取值，{name!r} 只有 {listed(classes)}；请换一列。",
        )
    number = {label: n for n, label in enumerate(classes)}
    labels = np.array([number[value] for value in values], dtype=np.int64)
    return Targets("classification", (name,), labels, None, tuple(classes), len(seen), guess)


def in_order(labels: set[str]) -> list[str]:
    """Numbers by size, text by letters."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)


def number_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
