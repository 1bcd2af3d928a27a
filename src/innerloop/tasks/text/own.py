"""A user's own file of sentences with labels as a family of tasks."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from innerloop.arguments import checked
from innerloop.episodes import Span, as_span, ends
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import DRAWN, SPLITS, Tasks
from innerloop.tasks.splitting import SplitSource
from innerloop.tasks.tables.reading import encoding_of, header_of
from innerloop.tasks.text.encoders import DEFAULT
from innerloop.tasks.text.family import text_tasks
from innerloop.tasks.text.reading import LABEL, LINES, Texts, is_text, read_texts
from innerloop.tasks.text.sentences import TEXT
from innerloop.tasks.text.sets.sentences import letters
from innerloop.tasks.units import divide


@checked(file="'questions.csv'")
def text(
    file: str | PathLike[str],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    task_column: str | None = None,
    ways: Span | None = None,
    shots: Span = DRAWN,
    queries: Span = (1, 10),
    encoder: str = DEFAULT,
    splits: SplitSource | None = None,
    seed: int = 0,
    content: str | None = None,
) -> Tasks:
    """The sentences of a file (CSV, TSV, JSONL, TXT, Parquet) with a label each: questions, notes.

    text_column, label_column: None takes the ones with a usual name (text, sentence; label,
        intent, category).
    task_column: each of its values is a group of tasks, a domain, a customer or a language: all
        labels of a task are of one group, and groups are what is split. Without it a task draws
        from all labels of its split.
    ways: None for 5, or as many as the labels allow. queries: (1, 10) is as many as a label has
        beside its shots, up to 10; labels with fewer sentences than that needs are left out and
        named in `tasks.notes`.
    encoder: as in `clinc150`. splits: {label or group: "train" | "validation" | "test"}, or a CSV or
        JSON file of them; None divides by a hash of their names and `seed`.
    content: the digest that is expected; a warning says where the file is another.
    """
    path = Path(file).expanduser()
    found = read_texts(path, text=text_column, label=label_column, task=task_column)
    classes, remarks = gathered(found)
    shots, queries = as_span("shots", shots), as_span("queries", queries)
    least = ends(shots)[0] + ends(queries)[0]
    usable = usable_names(classes, least, grouped=task_column is not None)
    if len(usable) < 2:
        raise too_few(path, classes, least)
    if task_column is not None and len({name.rpartition("/")[0] for name in usable}) < 2:
        raise one_group(path, task_column, usable[0].rpartition("/")[0], least)
    if small := [name for name in classes if name not in usable]:
        remarks.append(left_out(small, classes, least, grouped=task_column is not None))
    by = "group" if task_column is not None and splits is None else None
    division = divide(usable, ways, splits=splits, by=by, seed=seed)
    digest = content_of(found)
    told = [*remarks, *division.remarks]
    if content is not None:
        told = [changed(path)] if content != digest else []
    for sentence in told:
        warnings.warn(sentence, stacklevel=3)
    return text_tasks(
        "text",
        {s: {name: classes[name] for name in division.classes(s)} for s in SPLITS},
        ways=division.ways,
        shots=shots,
        queries=queries,
        within_groups=task_column is not None,
        small="leave out",
        encoder=encoder,
        remarks=remarks,
        file=str(path.resolve()),
        text_column=text_column,
        label_column=label_column,
        task_column=task_column,
        splits=str(Path(splits).resolve()) if isinstance(splits, str | PathLike) else splits,
        seed=seed,
        content=digest,
    )


def text_facts(file: str | PathLike[str], **how: Any) -> dict[str, Any]:
    """What `text(file, **how)` finds and leaves out, as JSON, before any training."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tasks = text(file, **how)
    streams = {split: tasks.split(split) for split in SPLITS}
    return {
        "source": Path(file).name,
        "kind": tasks.kind,
        "ways": streams["train"].ways,
        "shots": streams["train"].shots,
        "encoder": tasks.settings["encoder"],
        "splits": {split: stream.bank.summary() for split, stream in streams.items()},  # type: ignore[attr-defined]
        "warnings": list(dict.fromkeys(str(warning.message) for warning in caught)),
    }


def looks_like_text(path: Path) -> bool:
    """Whether a file is of sentences with labels: by its ending, or by the names of its columns."""
    if path.suffix.lower() in LINES:
        return True
    if not path.is_file() or not is_text(path.name) or path.suffix.lower() == ".parquet":
        return False
    _, names = header_of(path, encoding_of(path))
    usual = {name.lower() for name in names}
    return bool(usual & set(TEXT)) and bool(usual & set(LABEL))


def gathered(found: Texts) -> tuple[dict[str, list[str]], list[str]]:
    """({"group/label" or "label": its sentences, each once}, what was noticed)."""
    assert found.labels is not None
    groups = found.tasks or [""] * len(found.texts)
    classes: dict[str, dict[str, str]] = {}
    repeated = 0
    for sentence, label, group in zip(found.texts, found.labels, groups, strict=True):
        name = f"{plain(group)}/{plain(label)}" if group else plain(label)
        held = classes.setdefault(name, {})
        repeated += letters(sentence) in held
        held.setdefault(letters(sentence), sentence)
    remarks = list(found.remarks)
    if repeated:
        remarks.append(
            say(
                f"{repeated} sentences stand there more than once with the same label and are used once, so "
                "that none is both learnt from and judged on.",
                f"{repeated} 个句子以相同标签重复出现，只使用一次，以免同一句既用于学习又用于评判。",
            )
        )
    return {name: list(held.values()) for name, held in sorted(classes.items())}, remarks


def plain(name: str) -> str:
    """A name without the slash that would mean a group."""
    return name.replace("/", "\u2215")


def usable_names(classes: Mapping[str, Sequence[str]], least: int, *, grouped: bool) -> list[str]:
    """The labels with sentences enough; of groups those with two such labels."""
    large = [name for name, held in classes.items() if len(held) >= least]
    if not grouped:
        return large
    groups = [name.rpartition("/")[0] for name in large]
    return [name for name, group in zip(large, groups, strict=True) if groups.count(group) > 1]


def too_few(path: Path, classes: Mapping[str, Sequence[str]], least: int) -> InputError:
    smallest = min(classes, key=lambda name: len(classes[name]))
    large = sum(len(held) >= least for held in classes.values())
    count = len(classes[smallest])
    return InputError(
        f"a task needs two labels at least, each with shots + queries = {least} sentences: of the "
        f"{len(classes)} labels in {path.name} {large} can be used ({smallest!r} has {count}); add "
        "sentences or labels, or leave the task column out.",
        f"任务至少需要两个标签，每个都有 shots + queries = {least} 个句子：{path.name} 的 {len(classes)} 个标签中"
        f"可用的有 {large} 个（{smallest!r} 有 {count} 个）；请增加句子或标签，或去掉任务列。",
    )


def one_group(path: Path, column: str, group: str, least: int) -> InputError:
    return InputError(
        f"groups are what is split, so two at least need two labels each of shots + queries = {least} "
        f"sentences, and in the column {column!r} of {path.name} only {group!r} has them; add labels to "
        "the others, or leave the task column out.",
        f"划分以分组为单位，至少要有两个分组，各有两个标签、每个 shots + queries = {least} 个句子，而 {path.name} 的列 "
        f"{column!r} 中只有 {group!r} 满足；请为其他分组增加标签，或去掉任务列。",
    )


def left_out(
    small: Sequence[str], classes: Mapping[str, Sequence[str]], least: int, *, grouped: bool
) -> str:
    rule = (
        ("; of a group, two labels must have them", "；每个分组需有两个这样的标签")
        if grouped
        else ("", "")
    )
    return say(
        f"labels left out: {len(small)}, first {small[0]!r} with {len(classes[small[0]])} of the "
        f"{least} sentences that a task needs{rule[0]}.",
        f"未使用的标签：{len(small)} 个，最先的是 {small[0]!r}，有 {len(classes[small[0]])} 个句子，"
        f"而任务需要 {least} 个{rule[1]}。",
    )


def content_of(found: Texts) -> str:
    """One digest over all sentences and labels."""
    whole = hashlib.blake2b(digest_size=8)
    for row in zip(found.texts, found.labels or (), found.tasks or found.texts, strict=True):
        whole.update("\0".join(row).encode())
    return whole.hexdigest()


def changed(path: Path) -> str:
    return say(
        f"{path.name} has changed since the run was trained; figures are of the sentences that are there "
        "now.",
        f"{path.name} 在训练之后已改变；结果基于现有的句子。",
    )
