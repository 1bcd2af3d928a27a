"""Made-up sentences for tests: intents of several domains, without any package or download."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

ACTIONS = ("wake", "call", "play", "book", "pay", "send", "find", "cancel", "turn", "read")
THINGS = ("alarm", "mother", "song", "table", "bill", "letter", "film", "flight")


def rows(per_label: int = 12) -> list[tuple[str, str, str]]:
    """(text, label, domain): 80 labels in 8 domains."""
    random = np.random.default_rng(0)
    words = ("please", "now", "today", "the", "a", "my", "quickly", "again", "for me", "at noon")
    made = []
    for thing in THINGS:
        for action in ACTIONS:
            for n in range(per_label):
                first, second = random.choice(words, 2, replace=False)
                made.append((f"{first} {action} {second} {thing} {n}", f"{action} {thing}", thing))
    return made


def write_csv(path: Path, made: list[tuple[str, str, str]] | None = None) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "domain"])
        writer.writerows(rows() if made is None else made)
    return path
