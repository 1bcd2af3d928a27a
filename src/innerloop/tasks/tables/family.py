"""A table as a family of tasks: every value of its task column is a task."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import SPLITS, Kind, Tasks
from innerloop.tasks.tables.columns import Category, Column
from innerloop.tasks.tables.inputs import Fitted, TableInputs, fit_inputs
from innerloop.tasks.tables.reading import (
    content_of,
    listed,
    read_table,
    require_column,
    source_name,
    values_of,
)
from innerloop.tasks.tables.splits import split_of
from innerloop.tasks.tables.stream import TableBank, TableStream, usable_facts
from innerloop.tasks.tables.targets import Targets, read_targets

Source = Any  # a path or a pandas DataFrame


@checked(source="'visits.csv'", task="'patient'")
def table(
    source: Source | None,
    *,
    task: str,
    target: str | Sequence[str],
    shots: int = 5,
    queries: int = 15,
    ways: int | None = None,
    kind: Kind | None = None,
    features: str | Sequence[str] | None = None,
    drop: str | Sequence[str] = (),
    split: str | Mapping[str, str] | None = None,
    seed: int = 0,
    inputs: TableInputs | Mapping[str, Any] | None = None,
    content: str | None = None,
) -> Tasks:
    """The rows of a table (CSV, TSV, Parquet, or a pandas DataFrame): patients, hospitals, shops.

    task: the column whose values are the tasks; each is for meta-training, validation or test.
    target: the column to predict, or several: all numbers, or all yes/no (kind "multilabel").
    shots: support rows of a task (of each class, to classify); queries: likewise, up to as many.
    ways: at most so many classes in a task; None for all that it has.
    kind: "classification", "regression" or "multilabel"; guessed from the target where None.
    features: the columns to predict from; None for all but the task, the targets and `drop`.
    split: a column, or a CSV or JSON file, that says train, validation or test for each task;
        None deals tasks out by a hash of their name and `seed` (about 64 / 16 / 20 %).
    inputs: fitted before, to be used as they are; None fits scaling, categories and imputation on
        the rows of meta-training tasks. content: the digest of the table that is expected.

    Numeric targets are standardised by meta-training's mean and deviation; a single one is judged
    in its own unit. The table is held in memory: 4 bytes a number, but while a text file is read
    about twelve times its size; give a file of many gigabytes as Parquet, or in parts.

    >>> import pandas as pd
    >>> visits = {"patient": list("aaabbbccc"), "age": range(9), "score": [n * n / 7 for n in range(9)]}
    >>> tasks = table(pd.DataFrame(visits), task="patient", target="score", shots=2, queries=1)
    >>> tasks.kind, tasks.train.sample(tasks=4).support.x.shape
    ('regression', torch.Size([4, 2, 1]))
    """
    if isinstance(inputs, Mapping):
        inputs = TableInputs.from_settings(**inputs)
    how = Asked(
        task, _names(target), kind, None if features is None else _names(features), _names(drop)
    )
    prepared = prepare(source, how, split, seed, inputs)
    banks = prepared.banks()
    classifies = prepared.targets.kind == "classification"
    check_ways(ways, banks, shots, classifies)
    streams: dict[str, Any] = {
        name: TableStream(
            name=f"table/{name}",
            shots=shots,
            queries=queries,
            ways=(ways or banks[name].counts.shape[1]) if classifies else None,
            bank=banks[name],
        )
        for name in SPLITS
    }
    settings = {
        "source": str(Path(source).resolve()) if isinstance(source, str | PathLike) else None,
        "task": task,
        "target": list(how.targets),
        "shots": shots,
        "queries": queries,
        "ways": ways,
        "kind": prepared.targets.kind,
        "features": None if features is None else list(how.features or ()),
        "drop": list(how.drop),
        "split": _portable(split, prepared),
        "seed": seed,
        "inputs": prepared.fitted.inputs.settings,
        "content": content_of(source),
    }
    told = [] if content else [usable_facts(stream) for stream in streams.values()]
    told += [] if content else prepared.remarks
    if content and content != settings["content"]:
        told.append(changed(source))
    for sentence in filter(None, told):
        warnings.warn(say(*sentence), stacklevel=3)
    return Tasks(
        "table",
        prepared.targets.kind,
        **streams,
        settings=settings,
        input_shape=(prepared.fitted.inputs.width,),
        targets=len(how.targets),
        inputs=prepared.fitted.inputs,
    )


def table_facts(source: Source, **how: Any) -> dict[str, Any]:
    """What `table(source, **how)` finds, guesses and finds wrong, as JSON, before any training."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tasks = table(source, **how)
    asked = Asked(how["task"], _names(how["target"]), how.get("kind"), None, ())
    targets = read_targets(read_table(source), asked.targets, asked.kind, None)
    inputs = tasks.inputs
    assert isinstance(inputs, TableInputs)
    splits = {name: tasks.split(name).summary() for name in SPLITS}  # type: ignore[attr-defined]
    return {
        "source": source_name(source),
        "kind": tasks.kind,
        "guessed": [say(*targets.guess)] if targets.guess else [],
        "rows": sum(held["rows"] for held in splits.values()),
        "tasks": sum(held["tasks"] for held in splits.values()),
        "task": how["task"],
        "targets": list(inputs.target_names),
        "classes": list(inputs.classes),
        "inputs": inputs.width,
        "features": {column.name: brief(column) for column in inputs.columns},
        "not_used": [n for n in inputs.ignored if n != how["task"]],
        "splits": splits,
        "warnings": [str(warning.message) for warning in caught],
    }


@dataclass(frozen=True)
class Asked:
    """The columns that a user named, and the kind."""

    task: str
    targets: tuple[str, ...]
    kind: Kind | None
    features: tuple[str, ...] | None
    drop: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A table whose every row has its task, its x and its y; and which task is in which split."""

    names: list[str]  # of the tasks, row by row
    split: dict[str, str]
    x: Tensor
    targets: Targets
    fitted: Fitted
    shared: bool
    remarks: list[tuple[str, str]]

    def banks(self) -> dict[str, TableBank]:
        return {name: self._bank(name) for name in SPLITS}

    def _bank(self, split: str) -> TableBank:
        every = sorted(set(self.names))
        tasks = [name for name in every if self.split.get(name) == split]
        number = {name: n for n, name in enumerate(tasks)}
        of_row = np.array([number.get(name, -1) for name in self.names])
        labels, classes = self.targets.labels, self.fitted.inputs.classes
        if labels is None:
            labels, many = np.zeros(len(of_row), dtype=np.int64), 1
        else:
            here = labels[of_row >= 0]
            many = max(int(here.max(initial=-1)) + 1, self.targets.known if split == "train" else 0)
            classes = classes[:many]
        rows = np.lexsort((np.arange(len(of_row)), labels, of_row))
        rows = rows[of_row[rows] >= 0]
        counts = np.zeros((len(tasks), many), dtype=np.int64)
        np.add.at(counts, (of_row[rows], labels[rows]), 1)
        flat = counts.ravel()
        one = len(self.targets.names) == 1 and self.targets.kind == "regression"
        inputs = self.fitted.inputs
        return TableBank(
            self.x[torch.from_numpy(rows)],
            self.y()[torch.from_numpy(rows)],
            tuple(tasks),
            np.array([every.index(name) for name in tasks], dtype=np.int64),
            (np.cumsum(flat) - flat).reshape(counts.shape),
            counts,
            self.shared,
            classes,
            self.targets.names[0] if one else "",
            inputs.stds[0] if one else 1.0,
        )

    def y(self) -> Tensor:
        targets = self.targets
        if targets.labels is not None:
            return torch.from_numpy(targets.labels)
        assert targets.numbers is not None
        if targets.kind == "multilabel":
            return torch.from_numpy(targets.numbers > 0)
        return self.fitted.inputs.targets(torch.from_numpy(targets.numbers)).float()


def prepare(
    source: Source, how: Asked, split: Any, seed: int, inputs: TableInputs | None
) -> Prepared:
    """Read, split by task, and fit what must be fitted on meta-train rows alone."""
    if source is None:
        raise InputError(
            "this run was trained on a DataFrame, which is not kept; pass tasks=il.tasks.table(...).",
            "该运行使用 DataFrame 训练，数据未保存；请传入 tasks=il.tasks.table(...)。",
        )
    frame = read_table(source)
    require_column(frame, how.task, "task")
    for name in how.targets:
        require_column(frame, name, "target")
    if how.task in how.targets:
        raise InputError(
            f"task and target must be different columns, both are {how.task!r}; name another.",
            f"任务列与目标列必须不同，现在都是 {how.task!r}；请换一列。",
        )
    names = task_names(frame, how.task)
    assignment, split_column = split_of(frame, names, split, seed)
    kept = np.array([name in assignment for name in names])
    remarks = []
    if not kept.all():
        left = sorted(set(names) - set(assignment))
        remarks.append(
            (
                f"{len(left)} tasks are in no split and left out: {listed(left, 5)}.",
                f"{len(left)} 个任务不属于任何划分，未使用：{listed(left, 5)}。",
            )
        )
        frame = frame[kept].reset_index(drop=True)
        names = [name for name, keep in zip(names, kept, strict=True) if keep]
    train = np.array([assignment[name] == "train" for name in names])
    targets = read_targets(
        frame, how.targets, how.kind, train, known=inputs.classes if inputs else ()
    )
    fitted = Fitted(inputs) if inputs else fit(frame, how, targets, train, split_column)
    if not inputs:
        remarks += oddities(fitted)
    x = fitted.inputs.x(frame) if inputs else fitted.inputs.encode(frame)
    shared = mean_the_same(names, targets, train)
    return Prepared(names, assignment, x, targets, fitted, shared, remarks)


def fit(
    frame: Any, how: Asked, targets: Targets, train: np.ndarray, split_column: str | None
) -> Fitted:
    taken = {how.task, *how.targets, split_column}
    for name in (*(how.features or ()), *how.drop):
        require_column(frame, name, "feature")
    clash = [name for name in how.features or () if name in taken]
    if clash:
        raise InputError(
            f"the task, the targets and the split never are features, but {listed(clash)} was named "
            "as one; leave it out.",
            f"任务列、目标列和划分列不能作为特征，但 {listed(clash)} 被列为特征；请去掉。",
        )
    named = how.features or tuple(name for name in frame.columns if name not in taken)
    features = [name for name in named if name not in how.drop]
    ignored = [str(name) for name in frame.columns if name not in features]
    ignored = [name for name in ignored if name not in how.targets]
    return fit_inputs(
        frame[train].reset_index(drop=True),
        features,
        how.targets,
        None if targets.numbers is None else targets.numbers[train],
        targets.classes,
        None if targets.labels is None else targets.labels[train],
        ignored,
    )


def oddities(fitted: Fitted) -> list[tuple[str, str]]:
    told = []
    if fitted.left_out:
        each = ", ".join(f"{name!r} is {why}" for name, why in fitted.left_out.items())
        told.append(
            (f"Columns that say nothing are not used: {each}.", f"未使用无信息的列：{each}。")
        )
    if fitted.suspects:
        which = listed(fitted.suspects)
        told.append(
            (
                f"The target follows from {which} without error: is it known before the target is? "
                "If not, drop it.",
                f"目标可由 {which} 完全推出：它在目标之前已知吗？若否，请用 drop 去掉。",
            )
        )
    return told


def task_names(frame: Any, column: str) -> list[str]:
    names = values_of(frame[column])
    missing = [n + 1 for n, name in enumerate(names) if name is None]
    if missing:
        raise InputError(
            f"every row needs a task, but {column!r} is empty in {len(missing)} rows "
            f"({listed(missing, 5)}; the first below the header is 1); fill it in.",
            f"每行都需要任务，但 {column!r} 有 {len(missing)} 行为空（{listed(missing, 5)}；"
            "表头下第一行为 1）；请补全。",
        )
    return [str(name) for name in names]


def mean_the_same(names: list[str], targets: Targets, train: np.ndarray) -> bool:
    """Whether a meta-training task has all of meta-training's classes: then 1 is 1 everywhere."""
    if targets.labels is None:
        return False
    held: dict[str, set[int]] = {}
    for name, label, is_train in zip(names, targets.labels.tolist(), train, strict=True):
        if is_train:
            held.setdefault(name, set()).add(label)
    return max(map(len, held.values()), default=0) == targets.known


def check_ways(ways: int | None, banks: dict[str, TableBank], shots: int, classes: bool) -> None:
    if ways is None:
        return
    if not classes:
        raise InputError(
            "these tasks have no classes, so ways does not apply; leave it out, or say "
            "kind='classification'.",
            "这些任务没有类别，ways 不适用；请去掉它，或指定 kind='classification'。",
        )
    most = max(int((bank.counts > shots).sum(1).max(initial=0)) for bank in banks.values())
    if ways > most >= 2:
        raise InputError(
            f"ways must not exceed the classes of a task: none has more than {most} with "
            f"{shots + 1} rows each, got {ways}; lower --ways or --shots.",
            f"ways 不能超过任务的类别数：没有任务有超过 {most} 个各含 {shots + 1} 行的类别，收到 {ways}；"
            "请减小 --ways 或 --shots。",
        )


def changed(source: Source) -> tuple[str, str]:
    return (
        f"{source_name(source)} has changed since the run was trained; scaling and categories stay "
        "as they were, figures are of the rows that are there now.",
        f"{source_name(source)} 在训练之后已改变；缩放与类别保持不变，结果基于现有的行。",
    )


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    """("a", "b") of "a,b" or of a sequence."""
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _portable(split: str | Mapping[str, str] | None, prepared: Prepared) -> Any:
    """A file may be gone when the run is read again, so what it said is kept."""
    from innerloop.tasks.tables.splits import is_file

    if isinstance(split, Mapping) or (isinstance(split, str) and is_file(split)):
        return dict(prepared.split)
    return split


def brief(column: Column) -> str:
    """A feature in a few words: "category of 4, sometimes missing"."""
    what: str = column.kind
    if isinstance(column, Category):
        what += f" of {len(column.values)}"
    return what + (", sometimes missing" if getattr(column, "indicator", False) else "")
