"""HWU64: 64 intents in 18 scenarios of a home assistant (Liu et al. 2019, arXiv:1903.05566)."""

from __future__ import annotations

import csv

from innerloop.tasks.data import locate
from innerloop.tasks.text.sets.sentences import Sentence


def read() -> list[Sentence]:
    """The 11,036 sentences of the first fold, as cleaned by its annotators, grouped by scenario."""
    found = []
    for path in locate("hwu64"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                text = row["answer_from_anno"].strip()
                found.append(Sentence(text, row["intent"], row["scenario"]))
    return [sentence for sentence in found if sentence.text]
