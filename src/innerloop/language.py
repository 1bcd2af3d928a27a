"""Messages in English and Chinese: `say` picks one by the user's language, and names settings as he
writes them: --meta-batch on the command line, meta_batch in Python."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LANGUAGES = ("en", "zh")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)
_typed: ContextVar[bool] = ContextVar("typed", default=False)


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


@contextmanager
def typed() -> Iterator[None]:
    """Meanwhile the user is at the command line, where settings are options."""
    before = _typed.set(True)
    try:
        yield
    finally:
        _typed.reset(before)


def say(en: str, zh: str) -> str:
    """One of the two; a message names a setting as an option, "--meta-batch".

    >>> say("lower --meta-batch.", "")
    'lower meta_batch.'
    """
    text = zh if language() == "zh" else en
    return text if _typed.get() else OPTION.sub(lambda o: o[1].replace("-", "_"), text)
