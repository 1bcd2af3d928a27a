"""Character n-grams, hashed: what a sentence is made of, in any language (Weinberger et al. 2009,
arXiv:0902.2206)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from innerloop.episodes.draws import mix

LENGTHS = (2, 3, 4, 5)
APART = re.compile(r"[\W_]+")
BASE = np.uint64(0x100000001B3)
SIGN = np.uint64(63)


@dataclass(frozen=True)
class CharacterNgrams:
    """width numbers of unit length: for each n-gram sign * (1 + log count) in a place that its hash
    names. Needs no package and knows no language; a Chinese character counts as a word.

    >>> rows = CharacterNgrams().encode(["Wake me up!", "wake me up", "vis mine alarmer"]).toarray()
    >>> round(float(rows[0] @ rows[1]), 3), abs(float(rows[0] @ rows[2])) < 0.2
    (1.0, True)
    """

    name: ClassVar[str] = "ngrams"
    width: ClassVar[int] = 4096
    slow: ClassVar[bool] = False

    def encode(self, texts: Sequence[str]) -> Any:
        from scipy.sparse import csr_array  # scipy comes with scikit-learn; not at import time

        rows = [places(text, self.width) for text in texts]
        ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns = np.concatenate([c for c, _ in rows]) if rows else np.zeros(0, np.int64)
        values = np.concatenate([v for _, v in rows]) if rows else np.zeros(0, np.float32)
        return csr_array((values, columns, ends), shape=(len(rows), self.width))


def places(text: str, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(columns, values) of a sentence, the values of unit length."""
    hashes, counts = np.unique(hashed(plain(text)), return_counts=True)
    signs = np.where(hashes >> SIGN, 1.0, -1.0)
    row = np.zeros(width, np.float32)
    np.add.at(row, (hashes % np.uint64(width)).astype(np.int64), signs * (1 + np.log(counts)))
    columns = np.flatnonzero(row)
    values = row[columns]
    return columns, values / max(float(np.sqrt(values @ values)), 1e-9)


def plain(text: str) -> str:
    """Lower case, one space between words and around them, and around each Chinese character.

    >>> plain("Wake me, at 7!"), plain("叫我起床")
    (' wake me at 7 ', ' 叫 我 起 床 ')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = "".join(f" {c} " if "\u3400" <= c <= "\u9fff" else c for c in folded)
    return f" {APART.sub(' ', spaced).strip()} "


def hashed(text: str) -> np.ndarray:
    """uint64: of every n-gram, also across a space, its hash."""
    letters = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    found = []
    with np.errstate(over="ignore"):
        for length in LENGTHS:
            count = len(letters) - length + 1
            if count < 1:
                break
            sum_ = np.full(count, np.uint64(length))
            for n in range(length):
                sum_ = sum_ * BASE + letters[n : n + count]
            found.append(mix(sum_))
    return np.concatenate(found) if found else np.zeros(0, np.uint64)
