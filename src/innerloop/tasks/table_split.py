"""Which of a table's tasks are for meta-training, validation and test: by hash, column or file."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS
from innerloop.tasks.table_read import ENCODINGS, listed, require_column, text_of, values_of

SHARES = (0.7, 0.85)  # meta-train below the first, validation below the second, test above
WORDS = {
    **dict.fromkeys(("train", "training", "meta-train", "metatrain"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "meta-validation"), "validation"),
    **dict.fromkeys(("test", "testing", "meta-test", "metatest"), "test"),
}


def place(name: str, seed: int) -> float:
    """Where a task stands between 0 and 1: a matter of its name and the seed alone."""
    digest = hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "little") / 2**56


def by_hash(names: Sequence[str], seed: int = 0) -> dict[str, str]:
    """{task: split}, about 70 / 15 / 15 %. A task's split does not depend on the other tasks, but
    where so few are there that a split would stay empty: then they are dealt out in hash order.

    >>> sorted(by_hash(["a", "b", "c"]).values())
    ['test', 'train', 'validation']
    """
    split = {name: SPLITS[sum(place(name, seed) >= s for s in SHARES)] for name in names}
    if set(split.values()) == set(SPLITS):
        return split
    if len(names) < len(SPLITS):
        raise InputError(
            f"tasks must differ between meta-train, validation and test, so at least 3 are needed, "
            f"got {len(names)} ({listed(names)}); name another task column.",
            f"元训练、验证与测试的任务必须不同，因此至少需要 3 个任务，收到 {len(names)} 个"
            f"（{listed(names)}）；请换一个任务列。",
        )
    ordered = sorted(names, key=lambda name: place(name, seed))
    some = max(1, round(len(names) * (1 - SHARES[1])))
    first = len(names) - 2 * some
    return {name: SPLITS[(n >= first) + (n >= first + some)] for n, name in enumerate(ordered)}


def split_of(
    frame: Any, tasks: Sequence[str], asked: str | Mapping[str, str] | None, seed: int
) -> tuple[dict[str, str], str | None]:
    """({task: split}, the column that says so or None).

    tasks: every row's task. Tasks that a file does not name are left out of the answer.
    """
    names = sorted(set(tasks))
    if asked is None:
        return by_hash(names, seed), None
    if not isinstance(asked, str) or (asked not in frame.columns and is_file(asked)):
        given = read_split(Path(asked)) if isinstance(asked, str) else dict(asked)
        chosen = {n: word(given[n], f"task {n!r}") for n in names if n in given}
        return with_validation(chosen, seed), None
    require_column(frame, asked, "split")
    said: dict[str, str | None] = {}
    for name, value in zip(tasks, values_of(frame[asked]), strict=True):
        if said.setdefault(name, value) != value:
            raise InputError(
                f"a task belongs to one split, but {name!r} has {said[name]!r} and {value!r} in "
                f"column {asked!r}; give all rows of a task the same.",
                f"一个任务只能属于一个划分，但 {name!r} 在列 {asked!r} 中既有 {said[name]!r} 又有 "
                f"{value!r}；请让同一任务的所有行一致。",
            )
    chosen = {name: word(value, f"task {name!r}") for name, value in said.items()}
    return with_validation(chosen, seed), asked


def is_file(name: str) -> bool:
    return Path(name).is_file() or Path(name).suffix.lower() in (".csv", ".json")


def word(value: Any, where: str) -> str:
    known = WORDS.get(str(value).strip().lower())
    if known is None:
        raise InputError(
            f"a split must be train, validation or test, got {value!r} for {where}; rename it.",
            f"划分必须是 train、validation 或 test，{where} 的值为 {value!r}；请改名。",
        )
    return known


def read_split(path: Path) -> dict[str, str]:
    """{task: split} of a CSV with a line `name,split` per task, or of a JSON object: {task: split}
    or {split: [tasks]}."""
    if not path.is_file():
        raise InputError(
            f"split must name a column of the table or a file, but {str(path)!r} is neither.",
            f"split 必须是表格的一列或一个文件，但 {str(path)!r} 两者都不是。",
        )
    text = None
    for encoding in ENCODINGS:
        try:
            text = path.read_text(encoding=encoding)
            break
        except UnicodeDecodeError:
            continue
    try:
        if path.suffix.lower() == ".json":
            held = json.loads(text or "")
            lists = all(isinstance(value, list) for value in held.values())
            if lists:
                return {str(text_of(n)): split for split, ns in held.items() for n in ns}
            return {str(text_of(name)): str(split) for name, split in held.items()}
        rows = [row for row in csv.reader((text or "").splitlines()) if row]
        pairs = [(row[0].strip(), row[1].strip()) for row in rows]
    except (ValueError, IndexError, AttributeError):
        raise InputError(
            f"{str(path)!r} must hold a line name,split per task, or a JSON object of them.",
            f"{str(path)!r} 应为每个任务一行“名称,划分”，或相应的 JSON 对象。",
        ) from None
    if pairs and pairs[0][1].lower() == "split":
        pairs = pairs[1:]
    return dict(pairs)


def with_validation(chosen: dict[str, str], seed: int) -> dict[str, str]:
    """The same; where only train and test are named, a fifth of train becomes validation."""
    missing = [split for split in SPLITS if split not in chosen.values()]
    train = sorted((n for n, s in chosen.items() if s == "train"), key=lambda n: place(n, seed))
    if missing == ["validation"] and len(train) > 1:
        return chosen | dict.fromkeys(train[: max(1, len(train) // 5)], "validation")
    if missing:
        raise InputError(
            f"every split needs tasks, but {listed(missing)} has none; name tasks for it.",
            f"每个划分都需要任务，但 {listed(missing)} 没有；请为其指定任务。",
        )
    return chosen
