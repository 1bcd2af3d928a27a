"""What a sentence may be: text that is not empty and of a length that an encoder reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

from innerloop.errors import InputError, shown
from innerloop.language import say

LONGEST = 2_000  # characters: what follows says little of the intent, and takes minutes to read


def sentences(raw: Any) -> list[str]:
    """The sentences of a string, a list, an array, a pandas Series or a table's column `text`.

    >>> sentences("wake me up"), sentences(("a", " b "))
    (['wake me up'], ['a', 'b'])
    """
    if isinstance(raw, str):
        raw = [raw]
    columns = getattr(raw, "columns", None)
    if columns is not None:
        raw = raw[text_column([str(name) for name in columns])]
    if not isinstance(raw, Iterable):
        raise no_text(0, raw)
    texts = []
    for row, text in enumerate(raw):
        if isinstance(text, dict):
            text = text[text_column(list(text))]
        if not isinstance(text, str):
            raise no_text(row, text)
        if not text.strip():
            raise InputError(
                f"a text must not be empty, but row {row} (counted from 0) is; leave it out.",
                f"文本不能为空，但第 {row} 行（从 0 计）为空；请去掉该行。",
            )
        texts.append(text.strip())
    return shortened(texts)


def shortened(texts: list[str]) -> list[str]:
    """The same, each at most `LONGEST` characters; a warning says where one was longer."""
    long = [row for row, text in enumerate(texts) if len(text) > LONGEST]
    if long:
        size = len(texts[long[0]])
        warnings.warn(
            say(
                f"a text is read up to {LONGEST:,} characters, and {len(long)} are longer (the first "
                f"is row {long[0]}, counted from 0, with {size:,}): the rest is not looked at; split "
                "them to use it.",
                f"文本最多读取 {LONGEST:,} 个字符，有 {len(long)} 条更长（最先的是第 {long[0]} 行，从 0 计，"
                f"{size:,} 个字符）：其余部分未使用；如需使用请拆分。",
            ),
            stacklevel=3,
        )
    return [text[:LONGEST] for text in texts]


def text_column(names: list[str]) -> str:
    """The column that holds the sentences: by its name, or the only one."""
    usual = [name for name in names if name.strip().lower() in TEXT]
    if usual or len(names) == 1:
        return (usual or names)[0]
    raise InputError(
        f"which column holds the text? None of {', '.join(names)} is called text; rename one.",
        f"哪一列是文本？{'、'.join(names)} 中没有名为 text 的列；请改名。",
    )


TEXT = ("text", "sentence", "utterance", "query", "文本", "句子")


def no_text(row: int, value: Any) -> InputError:
    return InputError(
        f"a text must be a string, but row {row} (counted from 0) is {shown(value)}; write it as text.",
        f"文本应为字符串，但第 {row} 行（从 0 计）为 {shown(value)}；请写成文本。",
    )
