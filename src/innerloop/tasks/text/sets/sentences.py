"""A data set's sentences, each with its intent and the domain or language that it is of."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Sentence(NamedTuple):
    """group: of the intent, a domain for example. original: what it is a translation of, or ""."""

    text: str
    intent: str
    group: str = ""
    original: str = ""

    @property
    def class_name(self) -> str:
        return f"{self.group}/{self.intent}" if self.group else self.intent


def once(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Each sentence once, by its letters and by its original, within its group: what stands in a
    task's support set must not stand in its query set as well.

    >>> [s.text for s in once([Sentence("Hi!", "a"), Sentence("hi", "a"), Sentence("ho", "b")])]
    ['Hi!', 'ho']
    """
    seen: set[tuple[str, str]] = set()
    kept = []
    for sentence in sentences:
        keys = {(sentence.group, letters(t)) for t in (sentence.text, sentence.original) if t}
        if not keys & seen:
            kept.append(sentence)
        seen |= keys
    return kept


def letters(text: str) -> str:
    """The text without case, spaces and signs.

    >>> letters("Wake me, NOW!")
    'wakemenow'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum()) or folded


def by_class(sentences: Iterable[Sentence]) -> dict[str, list[str]]:
    """{class: its sentences}, classes sorted by name."""
    found: dict[str, list[str]] = {}
    for sentence in sentences:
        found.setdefault(sentence.class_name, []).append(sentence.text)
    return dict(sorted(found.items()))


def counts(classes: dict[str, list[str]]) -> np.ndarray:
    return np.array([len(texts) for texts in classes.values()], dtype=np.int64)
