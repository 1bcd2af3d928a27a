"""From a table to the rows of tasks: read, split by task, fitted on meta-train rows alone."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import SPLITS, Kind
from innerloop.tasks.cache import cache_folder
from innerloop.tasks.mapped import Block, kept
from innerloop.tasks.tables.gathering import gathered, numbered, picked, spread
from innerloop.tasks.tables.inputs import Fitted, TableInputs, fit_inputs
from innerloop.tasks.tables.parts import Table, open_table
from innerloop.tasks.tables.reading import listed, require_column
from innerloop.tasks.tables.splits import split_of
from innerloop.tasks.tables.stream import TableBank
from innerloop.tasks.tables.targets import Targets, read_targets


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
    """A table whose every row has its task, its x and its y; and which task is in which split.

    names: of all tasks. rows: (n,) those of the table that are in a split; of_row: (n,) the task
    of each, and so are targets. x: (all rows, d).
    """

    names: list[str]
    split: dict[str, str]
    rows: np.ndarray
    of_row: np.ndarray
    x: Tensor
    targets: Targets
    fitted: Fitted
    shared: bool
    remarks: list[tuple[str, str]]

    def banks(self) -> dict[str, TableBank]:
        y = self._y()
        return {name: self._bank(name, y) for name in SPLITS}

    def _bank(self, split: str, y: Tensor) -> TableBank:
        tasks = [n for n, name in enumerate(self.names) if self.split.get(name) == split]
        number = np.full(len(self.names), -1)
        number[tasks] = np.arange(len(tasks))
        here = np.flatnonzero(number[self.of_row] >= 0)
        of_row = number[self.of_row[here]]
        labels, classes = self.targets.labels, self.fitted.inputs.classes
        if labels is None:
            labels, many = np.zeros(len(here), dtype=np.int64), 1
        else:
            labels = labels[here]
            known = self.targets.known if split == "train" else 0
            many = max(int(labels.max(initial=-1)) + 1, known)
            classes = classes[:many]
        order = np.lexsort((labels, of_row))  # which leaves equal ones as they stand
        counts = np.zeros((len(tasks), many), dtype=np.int64)
        np.add.at(counts, (of_row, labels), 1)
        flat = counts.ravel()
        one = len(self.targets.names) == 1 and self.targets.kind == "regression"
        return TableBank(
            self.rows[here[order]],
            self.x,
            y,
            tuple(self.names[n] for n in tasks),
            np.array(tasks, dtype=np.int64),
            (np.cumsum(flat) - flat).reshape(counts.shape),
            counts,
            self.shared,
            classes,
            self.targets.names[0] if one else "",
            self.fitted.inputs.stds[0] if one else 1.0,
        )

    def _y(self) -> Tensor:
        """(all rows, ...), zeros where a row is in no split."""
        targets, inputs = self.targets, self.fitted.inputs
        if targets.labels is not None:
            made = torch.from_numpy(targets.labels)
        else:
            assert targets.numbers is not None
            made = torch.from_numpy(targets.numbers)
            made = made > 0 if targets.kind == "multilabel" else inputs.targets(made).float()
        if len(self.rows) == len(self.x):
            return made
        y = made.new_zeros(len(self.x), *made.shape[1:])
        y[torch.from_numpy(self.rows)] = made
        return y


def prepare(
    source: Any, how: Asked, split: Any, seed: int, inputs: TableInputs | None, content: str
) -> Prepared:
    """Read, split by task, and fit what must be fitted on meta-train rows alone."""
    table = open_table(source, content)
    require_column(table.names, how.task, "task")
    for name in how.targets:
        require_column(table.names, name, "target")
    if how.task in how.targets:
        raise InputError(
            f"task and target must be different columns, both are {how.task!r}; name another.",
            f"任务列与目标列必须不同，现在都是 {how.task!r}；请换一列。",
        )
    names, of_row = task_of_rows(table, how.task)
    assignment, split_column = split_of(table, names, of_row, split, seed)
    rows = np.flatnonzero(np.array([name in assignment for name in names])[of_row])
    remarks = []
    if len(rows) < table.rows:
        left = [name for name in names if name not in assignment]
        remarks.append(
            (
                f"{len(left)} tasks are in no split and left out: {listed(left, 5)}.",
                f"{len(left)} 个任务不属于任何划分，未使用：{listed(left, 5)}。",
            )
        )
    of_row = of_row[rows]
    train = np.array([assignment.get(name) == "train" for name in names])[of_row]
    held = gathered(table, how.targets)
    if len(rows) < table.rows:
        held = held.iloc[rows].reset_index(drop=True)
    targets = read_targets(
        held, how.targets, how.kind, train, known=inputs.classes if inputs else ()
    )
    del held
    if inputs:
        inputs.check_columns(table.names)
        fitted = Fitted(inputs)
    else:
        fitted = fit(table, how, targets, rows, np.flatnonzero(train), split_column)
        remarks += oddities(fitted)
    x = encoded(table, fitted.inputs, content)
    shared = mean_the_same(of_row, targets, train)
    return Prepared(names, assignment, rows, of_row, x, targets, fitted, shared, remarks)


def encoded(table: Table, inputs: TableInputs, content: str) -> Tensor:
    """(rows, d) float32; of a large table in a file of the cache folder that is mapped to memory."""
    if table.held is not None:
        return inputs.encode(table.held)

    def blocks(first: int) -> Iterator[Block]:
        for frame in table.frames(inputs.features, first):
            yield inputs.encode(frame).numpy(), []

    how = json.dumps(inputs.settings["columns"]).encode()
    digest = hashlib.blake2b(how, digest_size=8).hexdigest()
    folder = cache_folder() / "tables" / f"{content}-x-{digest}"
    try:
        shape = (table.rows, inputs.width)
        doing = say("preparing the table", "处理表格")
        return torch.from_numpy(kept(folder, shape, blocks, dtype="<f4", doing=doing)[0])
    except OSError as problem:
        warnings.warn(
            say(
                f"the prepared table could not be kept in {folder.parent} ({problem}), so it is held in "
                "memory; set INNERLOOP_CACHE to a folder with room.",
                f"处理后的表格无法保存到 {folder.parent}（{problem}），将占用内存；"
                "请将 INNERLOOP_CACHE 设为有足够空间的文件夹。",
            ),
            stacklevel=4,
        )
    return torch.from_numpy(np.concatenate([rows for rows, _ in blocks(0)]))


def fit(
    table: Table,
    how: Asked,
    targets: Targets,
    rows: np.ndarray,
    train: np.ndarray,
    split_column: str | None,
) -> Fitted:
    """rows: those of the table that have targets; train: which of them are of meta-training."""
    taken = {how.task, *how.targets, split_column}
    for name in (*(how.features or ()), *how.drop):
        require_column(table.names, name, "feature")
    clash = [name for name in how.features or () if name in taken]
    if clash:
        raise InputError(
            f"the task, the targets and the split never are features, but {listed(clash)} was named "
            "as one; leave it out.",
            f"任务列、目标列和划分列不能作为特征，但 {listed(clash)} 被列为特征；请去掉。",
        )
    named = how.features or tuple(name for name in table.names if name not in taken)
    features = [name for name in named if name not in how.drop]
    ignored = [name for name in table.names if name not in features]
    train = spread(train, len(features))
    return fit_inputs(
        picked(table, features, rows[train]),
        features,
        how.targets,
        None if targets.numbers is None else targets.numbers[train],
        targets.classes,
        None if targets.labels is None else targets.labels[train],
        [name for name in ignored if name not in how.targets],
    )


def oddities(fitted: Fitted) -> list[tuple[str, str]]:
    told = []
    if fitted.left_out:
        each = ", ".join(f"{name!r} is {why}" for name, why in fitted.left_out.items())
        told.append(
            (f"Columns that say nothing are not used: {each}.", f"未使用无信息的列：{each}。")
        )
    for columns, much, much_zh in (
        (fitted.leaks.exact, "without error", "完全"),
        (fitted.leaks.near, "with hardly any error", "几乎完全"),
    ):
        if columns:
            which = listed(columns)
            told.append(
                (
                    f"The target follows from {which} {much}: is it known before the target is? "
                    "If not, leave it out by --drop.",
                    f"目标可由 {which} {much_zh}推出：它在目标之前已知吗？若否，请用 --drop 去掉。",
                )
            )
    if fitted.named_ids:
        which = listed(fitted.named_ids)
        told.append(
            (
                f"{which} is called like an identifier and taken as a feature; if it names rows or "
                "tasks, leave it out by --drop.",
                f"{which} 的名称像标识符，却被用作特征；若它只是行或任务的编号，请用 --drop 去掉。",
            )
        )
    return told


def task_of_rows(table: Table, column: str) -> tuple[list[str], np.ndarray]:
    """(the names of the tasks, the number of each row's)."""
    names, of_row = numbered(gathered(table, [column], [column])[column])
    missing = (np.flatnonzero(of_row < 0) + 1).tolist()
    if missing:
        raise InputError(
            f"every row needs a task, but {column!r} is empty in {len(missing)} rows "
            f"({listed(missing, 5)}; the first below the header is 1); fill it in.",
            f"每行都需要任务，但 {column!r} 有 {len(missing)} 行为空（{listed(missing, 5)}；"
            "表头下第一行为 1）；请补全。",
        )
    return names, of_row


def mean_the_same(of_row: np.ndarray, targets: Targets, train: np.ndarray) -> bool:
    """Whether a meta-training task has all of meta-training's classes: then 1 is 1 everywhere."""
    if targets.labels is None:
        return False
    pairs = np.unique(np.stack([of_row[train], targets.labels[train]], 1), axis=0)
    return bool(np.unique(pairs[:, 0], return_counts=True)[1].max(initial=0) == targets.known)
