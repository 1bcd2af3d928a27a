"""A user's y: labels of any type, or numbers to regress."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.adapted.rows import described, first_bad, numbers_of
from innerloop.core import Meta
from innerloop.errors import InputError
from innerloop.tasks.inputs import Inputs

KINDS = {bool: "truth values", int: "whole numbers", float: "numbers", str: "strings"}


def as_labels(y: Any) -> np.ndarray:
    """(S,) labels: strings, truth values, or whole numbers.

    >>> as_labels(["no", "yes"]), as_labels([1, 2.0])
    (array(['no', 'yes'], dtype='<U3'), array([1., 2.]))
    """
    labels = as_list(y)
    for row, label in enumerate(labels):
        if is_missing(label):
            raise InputError(
                f"every row needs a label, but row {row} (counted from 0) has {label}; leave unlabelled "
                "rows out.",
                f"每行都需要标签，但第 {row} 行（从 0 计）为 {label}；请去掉没有标签的行。",
            )
        whole = not isinstance(label, float) or label == math.floor(label)
        if type(label) not in KINDS or not whole:
            raise InputError(
                f"labels must be strings, whole numbers or truth values, but row {row} (counted from 0) "
                f"has {label!r}; name the classes, or train on regression tasks to predict numbers.",
                f"标签必须是字符串、整数或布尔值，但第 {row} 行（从 0 计）为 {label!r}；"
                "请给类别命名；若要预测数值，请在回归任务上训练。",
            )
    check_one_kind(labels)
    return np.asarray(labels)


def as_list(y: Any) -> list[Any]:
    """The labels as plain Python values."""
    if isinstance(y, Tensor):
        y = y.detach().cpu().numpy()
    shape = getattr(y, "shape", None)
    if isinstance(y, str) or (shape is not None and len(shape) != 1) or not hasattr(y, "__iter__"):
        got = f"shape {tuple(shape)}" if shape is not None else described(y)
        raise InputError(
            f"y must hold one label per row, got {got}; pass a flat list of labels.",
            f"y 应为每行一个标签，收到 {got}；请传入一维标签列表。",
        )
    labels = y.tolist() if hasattr(y, "tolist") else list(y)
    labels = [label.item() if isinstance(label, np.generic | Tensor) else label for label in labels]
    if any(isinstance(label, list | tuple | np.ndarray) for label in labels):
        raise InputError(
            "y must hold one label per row, got a list of lists; pass a flat list of labels.",
            "y 应为每行一个标签，收到嵌套列表；请传入一维标签列表。",
        )
    if not labels:
        raise empty()
    return labels


def is_missing(label: Any) -> bool:
    if type(label).__name__ in ("NoneType", "NAType", "NaTType"):
        return True
    return isinstance(label, float) and not math.isfinite(label)


def check_one_kind(labels: list[Any]) -> None:
    found = {float if type(label) is int else type(label): label for label in labels}
    if len(found) > 1:
        some = " and ".join(f"{label!r} ({KINDS[type(label)]})" for label in found.values())
        raise InputError(
            f"labels must be of one type, got {some}; write all of them as strings, say.",
            f"标签必须同一类型，收到 {some}；例如可全部写成字符串。",
        )


def classes_of(labels: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The known classes in their order, then the new ones, sorted."""
    fresh = np.unique(labels)
    if known is None:
        return fresh
    check_one_kind([known.tolist()[0], *fresh.tolist()])
    return np.concatenate([known, fresh[~np.isin(fresh, known)]])


def positions(labels: np.ndarray, classes: np.ndarray) -> Tensor:
    """(S,) the place of each label among the classes."""
    place = {label: n for n, label in enumerate(classes.tolist())}
    return torch.tensor([place[label] for label in labels.tolist()], dtype=torch.int64)


def as_targets(
    y: Any, meta: Meta, inputs: Inputs | None = None, *, none: bool = False
) -> tuple[Tensor, bool]:
    """((S, out) targets in the unit of training, whether they came as (S,)); none: S may be 0."""
    raw = numbers(y)
    if raw.dim() not in (1, 2):
        raise InputError(
            f"targets must have the shape (S,) or (S, out), got {tuple(raw.shape)}; pass one number or "
            "one row of numbers per example.",
            f"目标的形状必须是 (S,) 或 (S, out)，收到 {tuple(raw.shape)}；请为每个样本给出一个数或一行数。",
        )
    if not len(raw) and not none:
        raise empty()
    kind, device = numbers_of(meta)
    targets = (raw[:, None] if raw.dim() == 1 else raw).to(device, kind)
    if (row := first_bad(targets)) is not None:
        raise InputError(
            f"targets must be finite, but row {row} (counted from 0) has NaN or infinity; leave it out.",
            f"目标必须为有限值，但第 {row} 行（从 0 计）为 NaN 或无穷；请去掉该行。",
        )
    return (inputs.targets(targets) if inputs is not None else targets), raw.dim() == 1


def as_flags(y: Any, meta: Meta) -> tuple[Tensor, bool]:
    """((S, out) truth values: which labels a row has; whether they came as (S,))."""
    raw = numbers(y)
    if raw.dim() not in (1, 2) or not ((raw == 0) | (raw == 1)).all():
        raise InputError(
            "a row may have several labels here, so y must be truth values of shape (S, labels), got "
            f"shape {tuple(raw.shape)} with values {sorted(set(raw.flatten().tolist()))[:3]}; write 1 for "
            "each label that a row has, else 0.",
            f"此处每行可有多个标签，y 应为形状 (S, 标签数) 的布尔值，收到形状 {tuple(raw.shape)}；"
            "请对每行拥有的标签写 1，否则写 0。",
        )
    if not len(raw):
        raise empty()
    flags = raw.to(numbers_of(meta)[1], torch.bool)
    return (flags[:, None] if raw.dim() == 1 else flags), raw.dim() == 1


def numbers(y: Any) -> Tensor:
    """y as a tensor, or a sentence that names the first row that is no number."""
    if isinstance(y, Tensor):
        return y.detach()
    try:
        array = np.asarray(y)
        if array.dtype.kind == "O":
            array = np.where(np.vectorize(is_missing, otypes=[bool])(array), np.nan, array)
            array = array.astype(float)
    except (ValueError, TypeError):
        array = np.asarray("")
    if array.dtype.kind in "biuf":
        return torch.as_tensor(array.copy())
    listed = list(y) if hasattr(y, "__iter__") and not isinstance(y, str) else [y]
    if not listed:
        raise empty()
    bad = next((r for r, v in enumerate(listed) if not is_number(v)), 0)
    raise InputError(
        f"this learner predicts numbers, but row {bad} (counted from 0) of y is {listed[bad]!r}; give "
        "numbers, or train on classification tasks to predict labels.",
        f"该学习器预测数值，但 y 的第 {bad} 行（从 0 计）为 {listed[bad]!r}；请给出数字；"
        "若要预测标签，请在分类任务上训练。",
    )


def is_number(value: Any) -> bool:
    if isinstance(value, list | tuple | np.ndarray):
        return all(is_number(each) for each in value)
    return isinstance(value, int | float | np.number | Tensor)


def empty() -> InputError:
    return InputError(
        "a task is learnt from its examples, got none; give at least one row of x and y.",
        "任务要从样本中学习，但没有收到样本；请至少给出一行 x 和 y。",
    )
