"""Which of a table's tasks are for meta-training, validation and test: by hash, column or file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from innerloop.errors import InputError
from innerloop.tasks.splitting import by_hash, given_split
from innerloop.tasks.tables.gathering import gathered, numbered
from innerloop.tasks.tables.parts import Table
from innerloop.tasks.tables.reading import listed, require_column


def split_of(
    table: Table, names: Sequence[str], of_row: np.ndarray, asked: Any, seed: int
) -> tuple[dict[str, str], str | None]:
    """({task: split}, the column that says so or None).

    names: of the tasks; of_row: which one each row is of. Tasks that a file does not name are left
    out of the answer.
    """
    if asked is None:
        found = by_hash(dict.fromkeys(names, 1), least=1, seed=seed)
        if found is None:
            raise InputError(
                "tasks must differ between meta-train, validation and test, so at least 3 are "
                f"needed, got {len(names)} ({listed(names)}); name another task column.",
                f"元训练、验证与测试的任务必须不同，因此至少需要 3 个任务，收到 {len(names)} 个"
                f"（{listed(names)}）；请换一个任务列。",
            )
        return found, None
    if not isinstance(asked, str) or (asked not in table.names and is_file(asked)):
        if isinstance(asked, str) and not Path(asked).is_file():
            raise InputError(
                f"split must name a column of the table or a file, but {asked!r} is neither; check "
                "the path.",
                f"split 必须是表格的一列或一个文件，但 {asked!r} 两者都不是；请检查路径。",
            )
        return given_split(asked, names, seed), None
    require_column(table.names, asked, "split")
    words, word = numbered(gathered(table, [asked], [asked])[asked])
    said: dict[str, str] = {}
    for task, place in np.unique(np.stack([of_row, word], 1), axis=0).tolist():
        name, value = names[task], "None" if place < 0 else words[place]
        if said.setdefault(name, value) != value:
            raise InputError(
                f"a task belongs to one split, but {name!r} has {said[name]!r} and {value!r} in "
                f"column {asked!r}; give all rows of a task the same.",
                f"一个任务只能属于一个划分，但 {name!r} 在列 {asked!r} 中既有 {said[name]!r} 又有 "
                f"{value!r}；请让同一任务的所有行一致。",
            )
    return given_split(said, names, seed), asked


def is_file(name: str) -> bool:
    """Whether what is no column is meant as a file."""
    return Path(name).is_file() or Path(name).suffix.lower() in (".csv", ".json")
