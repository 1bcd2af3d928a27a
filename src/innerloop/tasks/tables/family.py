"""A table as a family of tasks: every value of its task column is a task."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from innerloop.arguments import checked
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import SPLITS, WHOLE, Kind, Tasks
from innerloop.tasks.tables.columns import Category, Column
from innerloop.tasks.tables.gathering import gathered
from innerloop.tasks.tables.inputs import TableInputs
from innerloop.tasks.tables.parts import open_table
from innerloop.tasks.tables.preparing import Asked, Prepared, prepare
from innerloop.tasks.tables.reading import content_of, source_name
from innerloop.tasks.tables.splits import is_file
from innerloop.tasks.tables.stream import TableBank, TableStream, usable_facts
from innerloop.tasks.tables.targets import read_targets

Source = Any  # a path or a pandas DataFrame


@checked(source="'visits.csv'", task="'patient'")
def table(
    source: Source | None,
    *,
    task: str,
    target: str | Sequence[str],
    shots: int = WHOLE,
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
    in its own unit. A large file is read in parts: x goes once into a file of the cache folder, which
    is mapped to memory, and what is fitted is fitted on up to five million cells of meta-training.

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
    if source is None:
        raise InputError(
            "this run was trained on a DataFrame, which is not kept; pass tasks=il.tasks.table(...).",
            "该运行使用 DataFrame 训练，数据未保存；请传入 tasks=il.tasks.table(...)。",
        )
    found = content_of(source)
    prepared = prepare(source, how, split, seed, inputs, found)
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
        "content": found,
    }
    told = [] if content else [usable_facts(stream) for stream in streams.values()]
    told += [] if content else prepared.remarks
    if content and content != found:
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
    opened = open_table(source, tasks.settings["content"])
    targets = read_targets(gathered(opened, asked.targets), asked.targets, asked.kind, None)
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
    if isinstance(split, Mapping) or (isinstance(split, str) and is_file(split)):
        return dict(prepared.split)
    return split


def brief(column: Column) -> str:
    """A feature in a few words: "category of 4, sometimes missing"."""
    what: str = column.kind
    if isinstance(column, Category):
        what += f" of {len(column.values)}"
    return what + (", sometimes missing" if getattr(column, "indicator", False) else "")
