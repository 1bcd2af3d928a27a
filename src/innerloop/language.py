"""Messages in English and Chinese: `say` picks one by the user's language."""

from __future__ import annotations

import os
from contextvars import ContextVar

LANGUAGES = ("en", "zh")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


def use_language(language: str | None) -> None:
    """Choose "en" or "zh" from here on; None follows the locale again."""
    _chosen.set(language)


def language() -> str:
    """The language of messages: the chosen one, else the locale's, else English."""
    if chosen := _chosen.get():
        return chosen
    for variable in ("INNERLOOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def say(en: str, zh: str) -> str:
    return zh if language() == "zh" else en
