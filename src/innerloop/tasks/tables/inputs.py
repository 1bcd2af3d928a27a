"""From the rows of a table to x: scaling, categories and imputation, fitted on meta-train alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.errors import InputError, did_you_mean
from innerloop.language import say
from innerloop.tasks.inputs import INPUTS
from innerloop.tasks.tables.columns import (
    SURE,
    Column,
    column_from_json,
    column_to_json,
    fit_column,
)
from innerloop.tasks.tables.leaks import Leaks, leaks_in
from innerloop.tasks.tables.reading import (
    listed,
    pandas,
    read_table,
    uncoded,
)


@dataclass(frozen=True)
class TableInputs:
    """How a row becomes x (d,), and a numeric target y.

    columns: the features in order. target_names: of the targets; with numbers, `means` and `stds` too.
    classes: the labels of a classification in the order of their global numbers, else none.
    ignored: columns that a user's rows may have and that say nothing about x.
    notice: a sentence that must stand with every answer, in English and Chinese; () for none.
    """

    columns: tuple[Column, ...]
    target_names: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    notice: tuple[str, ...] = ()
    name: ClassVar[str] = "table"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "columns": [column_to_json(column) for column in self.columns],
            "target_names": list(self.target_names),
            "means": list(self.means),
            "stds": list(self.stds),
            "classes": list(self.classes),
            "ignored": list(self.ignored),
            **({"notice": list(self.notice)} if self.notice else {}),
        }

    @classmethod
    @checked()
    def from_settings(cls, columns: Sequence[dict[str, Any]], **more: Any) -> TableInputs:
        more = {name: tuple(value) for name, value in more.items()}
        return cls(tuple(map(column_from_json, columns)), **more)

    @property
    def features(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def width(self) -> int:
        return sum(column.width for column in self.columns)

    def x(self, raw: Any) -> Tensor:
        """Rows -> (rows, d). raw: a DataFrame, a dict of columns, a list of dicts, the path of a
        file, or an array (rows, features) in the order of `features`."""
        frame = self.frame(raw)
        self.check_columns(list(frame.columns))
        return self.encode(frame)

    def check_columns(self, names: Sequence[str]) -> None:
        missing = [name for name in self.features if name not in names]
        if missing:
            en, zh = did_you_mean(missing[0], names)
            raise InputError(
                f"rows must have the columns that training had: {listed(missing)} missing among "
                f"{listed(names)}{en}",
                f"输入行必须包含训练时的列：{listed(names)} 中缺少 {listed(missing)}{zh}",
            )
        further = set(names) - {*self.features, *self.ignored, *self.target_names}
        if further:
            warnings.warn(
                say(
                    f"Columns that training did not have are not looked at: {listed(sorted(further))}.",
                    f"训练时没有的列不会被使用：{listed(sorted(further))}。",
                ),
                stacklevel=3,
            )

    def encode(self, frame: Any) -> Tensor:
        parts = [column.encode(frame[column.name]) for column in self.columns]
        return torch.from_numpy(np.concatenate(parts, 1).astype(np.float32))

    def frame(self, raw: Any) -> Any:
        """Whatever holds rows, as `read_table` gives them."""
        pd = pandas()
        if isinstance(raw, pd.DataFrame):
            return read_table(raw)
        if isinstance(raw, Tensor | np.ndarray):
            array = np.asarray(raw)
            if array.ndim != 2 or array.shape[1] != len(self.columns):
                raise InputError(
                    f"an array of rows must have shape (rows, {len(self.columns)}), a column for "
                    f"each of {listed(self.features)}; got {array.shape}; pass a DataFrame or dicts.",
                    f"数组形状必须为 (行数, {len(self.columns)})，依次为 {listed(self.features)}；"
                    f"收到 {array.shape}；请传入 DataFrame 或字典。",
                )
            return read_table(pd.DataFrame(array, columns=self.features))
        if isinstance(raw, dict):
            single = not any(isinstance(v, list | tuple | np.ndarray) for v in raw.values())
            raw = [raw] if single and not hasattr(next(iter(raw.values()), None), "array") else raw
            return read_table(self._made(raw))
        if isinstance(raw, list | tuple) and raw and all(isinstance(row, dict) for row in raw):
            return read_table(self._made(raw))
        if isinstance(raw, str) or hasattr(raw, "__fspath__"):
            return read_table(raw)
        raise InputError(
            f"rows of a table are a DataFrame, a list of dicts, a dict of columns or a file, got "
            f"{type(raw).__name__}; for one row pass a dict.",
            f"表格的行应为 DataFrame、字典列表、列的字典或文件，收到 {type(raw).__name__}；单行请传字典。",
        )

    def _made(self, raw: Any) -> Any:
        try:
            return pandas().DataFrame(raw)
        except ValueError as error:
            raise InputError(
                f"columns must be of one length ({error}); give every row a value or None.",
                f"各列长度必须相同（{error}）；请为每行给出值或 None。",
            ) from None

    def targets(self, raw: Tensor) -> Tensor:
        """Numbers (rows, out) in the target's unit -> standardised as in training."""
        return (raw - self._of(self.means, raw)) / self._of(self.stds, raw)

    def answers(self, outputs: Tensor) -> Tensor:
        """Standardised (rows, out) -> numbers in the target's unit."""
        return outputs * self._of(self.stds, outputs) + self._of(self.means, outputs)

    def _of(self, facts: tuple[float, ...], like: Tensor) -> Tensor:
        return torch.tensor(facts, dtype=like.dtype, device=like.device)


INPUTS["table"] = TableInputs.from_settings


@dataclass
class Fitted:
    """Inputs, and what was noticed on the way: columns left out and why, columns that give the
    target away, and columns that are called like an identifier."""

    inputs: TableInputs
    left_out: dict[str, str] = field(default_factory=dict)
    leaks: Leaks = field(default_factory=Leaks)
    named_ids: list[str] = field(default_factory=list)


def fit_inputs(
    train: Any,
    features: Sequence[str],
    targets: Sequence[str],
    numbers: np.ndarray | None,
    classes: Sequence[str],
    labels: np.ndarray | None,
    ignored: Sequence[str],
) -> Fitted:
    """Fitted on the rows of meta-train tasks, `train`.

    numbers: (rows, out) raw targets of a regression or labels 0/1; labels: (rows,) class numbers.
    """
    columns, left_out = [], {}
    for name in features:
        column = fit_column(name, uncoded(train[name]))
        if isinstance(column, str):
            left_out[name] = column
        else:
            columns.append(column)
    if not columns:
        why = ", ".join(f"{name!r} is {reason}" for name, reason in left_out.items())
        raise InputError(
            f"a table needs a feature that varies, but {why or 'no column is left'}; add columns.",
            f"表格需要至少一个有变化的特征，但没有可用的列（{why}）；请增加列。",
        )
    means: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    if numbers is not None:
        means = tuple(numbers.mean(0).tolist())
        stds = tuple((std if std > 0 else 1.0) for std in numbers.std(0).tolist())
    inputs = TableInputs(
        tuple(columns), tuple(targets), means, stds, tuple(classes), (*ignored, *left_out)
    )
    answers = numbers if numbers is not None else labels
    ids = [name for name in inputs.features if SURE.search(name)]
    return Fitted(
        inputs, left_out, leaks_in(train, inputs.features, answers, labels is not None), ids
    )
