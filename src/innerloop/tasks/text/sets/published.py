"""The 5-shot and 10-shot splits of BANKING77, CLINC150 and HWU64 that published full-way figures use
(Zhang et al. 2021, arXiv:2109.06349; Zhang et al. 2020, arXiv:2010.13009)."""

from __future__ import annotations

from typing import Literal

from innerloop.tasks.data import data_root, locate
from innerloop.tasks.text.sets.sentences import Sentence

NAMES = {"banking77": "BANKING77", "clinc150": "CLINC150", "hwu64": "HWU64"}
Part = Literal["train", "train_5", "train_10", "valid", "test"]


def read(name: str, part: Part) -> list[Sentence]:
    """The sentences of one part of a set, in its order."""
    locate("intent_fewshot_splits")
    folder = data_root() / "intent_fewshot_splits" / "Datasets" / NAMES[name] / part
    texts, labels = (
        (folder / file).read_text("utf-8").splitlines() for file in ("seq.in", "label")
    )
    return [
        Sentence(text.strip(), label.strip()) for text, label in zip(texts, labels, strict=True)
    ]
