"""CLINC150: 150 intents in 10 domains, and what is in none (Larson et al. 2019, arXiv:1909.02027)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from innerloop.tasks.data import locate
from innerloop.tasks.text.sets.sentences import Sentence

# Fixed once, with the two domains about money together.
SPLIT = {
    "train": ("banking", "credit_cards", "home", "meta", "travel"),
    "validation": ("utility", "work"),
    "test": ("auto_and_commute", "kitchen_and_dining", "small_talk"),
}
PARTS = ("train", "val", "test")


def read() -> list[Sentence]:
    """All 22,500 sentences that have an intent, grouped by domain."""
    held = json.loads(Path(locate("clinc150")[0]).read_text("utf-8"))
    domain = domains()
    rows = [row for part in PARTS for row in held[part]]
    return [Sentence(text, intent, domain[intent]) for text, intent in rows]


def domains() -> dict[str, str]:
    """{intent: its domain}"""
    held: dict[str, list[str]] = json.loads(Path(locate("clinc150")[1]).read_text("utf-8"))
    return {intent.replace(" ", "_"): name for name, of_it in held.items() for intent in of_it}


def out_of_scope() -> dict[str, list[str]]:
    """{"validation", "test"}: sentences that are of none of the 150 intents.

    Those that the set has for training (100) and validation (100) are for validation together.
    """
    held: dict[str, Any] = json.loads(Path(locate("clinc150")[0]).read_text("utf-8"))
    parts = {"validation": ("oos_train", "oos_val"), "test": ("oos_test",)}
    return {split: [text for p in of_it for text, _ in held[p]] for split, of_it in parts.items()}
