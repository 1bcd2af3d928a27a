"""Files of sentences with labels: CSV, TSV, JSONL, Parquet, and TXT with a sentence per line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innerloop.errors import InputError, did_you_mean, shown
from innerloop.language import say
from innerloop.tasks.tables.reading import encoding_of, header_of, opened, read_table
from innerloop.tasks.text.sentences import TEXT, shortened

LABEL = ("label", "intent", "category", "class", "标签", "意图", "类别")
LINES = (".jsonl", ".ndjson", ".json")
SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
WORDS = {
    "text": ("the text", "文本", "--text-column"),
    "label": ("the labels", "标签", "--label-column"),
    "task": ("the tasks", "任务", "--task-column"),
}


@dataclass(frozen=True)
class Texts:
    """texts (n,); labels and tasks (n,), or None where the file was not asked for them. remarks:
    what was left out, as sentences."""

    texts: list[str]
    labels: list[str] | None = None
    tasks: list[str] | None = None
    remarks: tuple[str, ...] = ()


def is_text(name: str) -> bool:
    """Whether a file is called like one that holds sentences."""
    return Path(name.removesuffix(".gz")).suffix.lower() in SUFFIXES


def read_texts(
    path: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    task: str | None = None,
    labelled: bool = True,
) -> Texts:
    """The rows of a file. text, label: its columns; None takes one with a usual name (text,
    sentence; label, intent, category). Rows without a text or a label are left out and told of."""
    check_file(path)
    if not labelled and path.suffix.lower() == ".txt":
        rows: list[dict[str, Any]] = [{"text": line} for line in lines_of(path)]
    else:
        rows = list(rows_of(path))
    if not rows:
        raise InputError(
            f"{str(path)!r} holds no rows; give a file with a text in each.",
            f"{str(path)!r} 中没有任何行；请给出每行一条文本的文件。",
        )
    names = list(dict.fromkeys(name for row in rows[:100] for name in row))
    text = column("text", path, names, text, TEXT)
    wanted = {"text": text}
    if labelled:
        wanted["label"] = column("label", path, names, label, LABEL)
    if task is not None:
        wanted["task"] = column("task", path, names, task, ())
    return cleaned(path, rows, wanted)


def check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(
            f"there is no file {str(path)!r}; check the path.",
            f"没有文件 {str(path)!r}；请检查路径。",
        )
    if not is_text(path.name):
        raise InputError(
            f"a file of sentences must be one of {', '.join(SUFFIXES)}, got {path.name!r}; save it as "
            "CSV with the columns text and label.",
            f"句子文件必须是 {', '.join(SUFFIXES)} 之一，收到 {path.name!r}；请另存为含 text、label 列的 CSV。",
        )


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() == ".parquet":
        frame = read_table(path)
        yield from frame.to_dict("records")
    elif path.suffix.lower() in LINES:
        yield from json_rows(path)
    else:
        encoding = encoding_of(path)
        separator, names = header_of(path, encoding)
        with opened(path, encoding) as file:
            reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
            next((row for row in reader if any(row)), None)
            for row in reader:
                if any(row):
                    yield dict(zip(names, row, strict=False))


def json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """One object per line, or a list of them."""
    lines = lines_of(path)
    whole = "\n".join(lines) if lines[:1] and lines[0].lstrip()[:1] == "[" else None
    for number, line in enumerate([whole] if whole else lines, 1):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        held = found if isinstance(found, list) else [found]
        if not all(isinstance(row, dict) for row in held):
            raise InputError(
                f'{str(path)!r} must hold an object per line such as {{"text": "...", "label": "..."}}, '
                f"but line {number} is {shown(line)}; correct it.",
                f'{str(path)!r} 每行应为 {{"text": "...", "label": "..."}} 这样的对象，但第 {number} 行为 '
                f"{shown(line)}；请更正。",
            )
        yield from held


def lines_of(path: Path) -> list[str]:
    with opened(path, encoding_of(path)) as file:
        return [line for line in file.read().splitlines() if line.strip()]


def column(
    role: str, path: Path, names: Sequence[str], asked: str | None, usual: Sequence[str]
) -> str:
    """The column for a role: the one asked for, else one with a usual name."""
    found = [name for name in names if str(name).strip().lower() in usual]
    if asked is None and role == "text" and len(names) == 1:
        return names[0]
    if asked is None and found:
        return found[0]
    if asked in names and asked is not None:
        return asked
    en, zh, option = WORDS[role]
    held = ", ".join(map(str, names)) or "no columns"
    if asked is None:
        raise InputError(
            f"which column of {str(path)!r} holds {en}? It has {held}; name it with {option} NAME.",
            f"{str(path)!r} 的哪一列是{zh}？它有 {held}；请用 {option} 列名 指定。",
        )
    hint = did_you_mean(asked, names)
    raise InputError(
        f"{option} must be a column of {str(path)!r}, which has {held}, got {asked!r}{hint[0]}",
        f"{option} 必须是 {str(path)!r} 的列（{held}），收到 {asked!r}{hint[1]}",
    )


def cleaned(path: Path, rows: Sequence[dict[str, Any]], wanted: dict[str, str]) -> Texts:
    """The rows that say all that is wanted."""
    kept: dict[str, list[str]] = {role: [] for role in wanted}
    gone: dict[str, list[int]] = {role: [] for role in wanted}
    for number, row in enumerate(rows, 1):
        values = {role: as_text(path, number, name, row.get(name)) for role, name in wanted.items()}
        lacking = [role for role, value in values.items() if not value]
        if lacking:
            gone[lacking[0]].append(number)
            continue
        for role, value in values.items():
            kept[role].append(value)
    one_kind(path, rows, wanted)
    remarks = tuple(left_out(path, wanted[role], held) for role, held in gone.items() if held)
    if not kept["text"]:
        raise InputError(
            f"{str(path)!r} holds no row with {' and '.join(wanted.values())}; give one that does.",
            f"{str(path)!r} 中没有同时含 {'、'.join(wanted.values())} 的行；请给出有数据的文件。",
        )
    return Texts(shortened(kept["text"]), kept.get("label"), kept.get("task"), remarks)


def as_text(path: Path, number: int, name: str, value: Any) -> str:
    """A cell as text; "" where there is nothing."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, str | int | float | bool):
        return str(value).strip()
    raise InputError(
        f"column {name!r} of {str(path)!r} must hold text, but row {number} has {shown(value)}; write it "
        "as text.",
        f"{str(path)!r} 的列 {name!r} 应为文本，但第 {number} 行为 {shown(value)}；请写成文本。",
    )


def one_kind(path: Path, rows: Sequence[dict[str, Any]], wanted: dict[str, str]) -> None:
    """Text is text in every row, and labels are all text or all numbers."""
    for role, name in wanted.items():
        kinds: dict[str, int] = {}
        for number, row in enumerate(rows, 1):
            if (value := row.get(name)) not in (None, ""):
                kinds.setdefault("text" if isinstance(value, str) else "numbers", number)
        if len(kinds) > 1 or (role == "text" and "numbers" in kinds):
            number = kinds["numbers"]
            raise InputError(
                f"a column must hold one kind of value, but {name!r} of {str(path)!r} has text and, in "
                f"row {number}, {shown(rows[number - 1][name])}; write all of them as text.",
                f"一列的值应为同一类型，但 {str(path)!r} 的 {name!r} 既有文本，又在第 {number} 行有 "
                f"{shown(rows[number - 1][name])}；请全部写成文本。",
            )


def left_out(path: Path, name: str, rows: Sequence[int]) -> str:
    return say(
        f"{path.name}: {len(rows)} rows without {name!r} are left out, first row {rows[0]}; fill it in to "
        "use them.",
        f"{path.name}：{len(rows)} 行缺少 {name!r} 而未使用，最先的是第 {rows[0]} 行；补全即可使用。",
    )
