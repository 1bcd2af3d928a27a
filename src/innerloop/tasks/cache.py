"""The user's cache folder, and a bar for what takes a while."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import platformdirs
from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def cache_folder() -> Path:
    """`INNERLOOP_CACHE`, else the platform's cache folder for this user."""
    chosen = os.environ.get("INNERLOOP_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("innerloop")


def progress(items: Iterable[Item], doing: str, total: int | None = None) -> Iterable[Item]:
    """The same items, with a bar on stderr while they pass (on a terminal only)."""
    console = Console(stderr=True)
    return track(
        items, doing, total, console=console, transient=True, disable=not console.is_terminal
    )
