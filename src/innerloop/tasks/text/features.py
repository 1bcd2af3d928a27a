"""Sentences as rows of numbers: computed once, kept on disk by their content."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.language import say
from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.text.encoders import Encoder, encoders_named

AT_ONCE = 32  # sentences between two writes to disk
ASKED = 500  # keys in one question to the cache


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of sentences, one part for each encoder of a mix; a part may be sparse.

    >>> made = features("ngrams", ["wake me up", "call mum"])
    >>> made.take(np.array([1, 0, 1])).shape
    torch.Size([3, 4096])
    """

    parts: tuple[Any, ...]

    @property
    def width(self) -> int:
        return sum(part.shape[1] for part in self.parts)

    def take(self, numbers: np.ndarray) -> Tensor:
        """(n, width) float32 of the sentences of these numbers (n,)."""
        rows = [part[numbers] for part in self.parts]
        dense = [row if isinstance(row, np.ndarray) else row.toarray() for row in rows]
        return torch.from_numpy(np.concatenate(dense, 1).astype(np.float32, copy=False))


def features(encoder: str, texts: Sequence[str]) -> Features:
    """The rows of these sentences by the encoders of this name."""
    return Features(tuple(rows_of(one, list(texts)) for one in encoders_named(encoder)))


def rows_of(encoder: Encoder, texts: list[str]) -> Any:
    """(n, width) of one encoder, from the cache where the same sentence was encoded before."""
    if not encoder.slow or not texts:
        return encoder.encode(texts) if texts else np.zeros((0, encoder.width), np.float32)
    digests = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    wanted = dict(zip(digests, texts, strict=True))
    try:
        known = cached(encoder, wanted)
    except (sqlite3.Error, OSError) as problem:
        warnings.warn(say(*not_kept(problem)), stacklevel=4)
        known = dict(encoded(encoder, wanted))
    return np.stack([known[digest] for digest in digests])


def cached(encoder: Encoder, wanted: dict[bytes, str]) -> dict[bytes, np.ndarray]:
    """{digest of a sentence: its row}; those that are not in the cache are added to it."""
    with closing(opened(cache_folder() / "text" / f"{file_name(encoder.name)}.sqlite")) as kept:
        known: dict[bytes, np.ndarray] = {}
        keys = list(wanted)
        for first in range(0, len(keys), ASKED):
            some = keys[first : first + ASKED]
            marks = ",".join("?" * len(some))
            rows = kept.execute(f"SELECT digest, row FROM rows WHERE digest IN ({marks})", some)
            known |= {digest: np.frombuffer(row, np.float32) for digest, row in rows}
        missing = {digest: text for digest, text in wanted.items() if digest not in known}
        for digest, row in encoded(encoder, missing, kept):
            known[digest] = row
    return known


def file_name(name: str) -> str:
    """
    >>> file_name("use"), file_name("intfloat/e5")
    ('use', 'intfloat-e5-574615')
    """
    plain = re.sub(r"[^\w.-]+", "-", name)
    return plain if plain == name else f"{plain}-{hashlib.blake2b(name.encode()).hexdigest()[:6]}"


def opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = sqlite3.connect(path, timeout=60)
    kept.execute("CREATE TABLE IF NOT EXISTS rows (digest BLOB PRIMARY KEY, row BLOB)")
    return kept


def encoded(
    encoder: Encoder, missing: dict[bytes, str], kept: sqlite3.Connection | None = None
) -> Any:
    """(digest, row) of each, with a bar; written down block by block."""
    items = sorted(missing.items(), key=lambda item: len(item[1]))  # of like length together
    blocks = [items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE)]
    doing = say(f"encoding sentences ({encoder.name})", f"编码句子（{encoder.name}）")
    for block in progress(blocks, doing, len(items), len) if blocks else ():
        rows = np.asarray(encoder.encode([text for _, text in block]), np.float32)
        made = [(digest, row) for (digest, _), row in zip(block, rows, strict=True)]
        if kept is not None:
            with kept:
                kept.executemany(
                    "INSERT OR IGNORE INTO rows VALUES (?, ?)",
                    [(digest, row.tobytes()) for digest, row in made],
                )
        yield from made


def not_kept(problem: Exception) -> tuple[str, str]:
    folder = cache_folder() / "text"
    return (
        f"encoded sentences could not be kept in {folder} ({problem}), so they are encoded anew each "
        "time; set INNERLOOP_CACHE to a folder with room.",
        f"句子的编码无法保存到 {folder}（{problem}），每次都要重新编码；请将 INNERLOOP_CACHE 设为有足够空间的文件夹。",
    )
