"""BANKING77: 77 intents of a bank's customers (Casanueva et al. 2020, arXiv:2003.04807)."""

from __future__ import annotations

import csv

from innerloop.tasks.data import locate
from innerloop.tasks.text.sets.sentences import Sentence


def read() -> list[Sentence]:
    """All 13,083 sentences."""
    found = []
    for path in locate("banking77"):
        with path.open(encoding="utf-8", newline="") as file:
            found += [Sentence(row["text"], row["category"]) for row in csv.DictReader(file)]
    return found
