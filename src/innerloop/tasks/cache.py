"""The user's cache folder, and a bar for what takes a while."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sized
from pathlib import Path
from typing import TypeVar

import platformdirs
from rich.console import Console
from rich.progress import Progress

Item = TypeVar("Item")


def cache_folder() -> Path:
    """`INNERLOOP_CACHE`, else the platform's cache folder for this user."""
    chosen = os.environ.get("INNERLOOP_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("innerloop")


def progress(
    items: Iterable[Item],
    doing: str,
    total: int | None = None,
    size: Callable[[Item], int] | None = None,
) -> Iterable[Item]:
    """The same items, with a bar on stderr while they pass (on a terminal only).

    size: how much of `total` an item is; each counts as one without it.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        bar = shown.add_task(doing, total=total)
        for item in items:
            yield item
            shown.advance(bar, 1 if size is None else size(item))
