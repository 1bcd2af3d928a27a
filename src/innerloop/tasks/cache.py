"""What was slow to make is kept in the user's cache folder, under a name made of its content."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import platformdirs
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from innerloop.language import say
from innerloop.tasks.bank import ImageBank

Item = TypeVar("Item")


def cache_folder() -> Path:
    """`INNERLOOP_CACHE`, else the platform's cache folder for this user."""
    chosen = os.environ.get("INNERLOOP_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("innerloop")


def cached_bank(key: str, make: Callable[[], ImageBank]) -> ImageBank:
    """The bank kept under `key`, or the one that `make` returns, which is then kept.

    A cache that cannot be read or written only costs time.
    """
    path = cache_folder() / "banks" / f"{key}.safetensors"
    try:
        return load_bank(path)
    except (OSError, SafetensorError, KeyError, ValueError):
        bank = make()
    try:
        save_bank(bank, path)
    except OSError as problem:
        warnings.warn(
            say(
                f"the prepared images could not be kept in {path.parent} ({problem}), so they are "
                "prepared anew each time; set INNERLOOP_CACHE to a folder that can be written.",
                f"处理后的图像无法保存到 {path.parent}（{problem}），每次都要重新处理；"
                "请将 INNERLOOP_CACHE 设为可写的文件夹。",
            ),
            stacklevel=2,
        )
    return bank


def save_bank(bank: ImageBank, path: Path) -> None:
    """Written beside its place and moved there whole, so that no reader meets half a file."""
    facts = {field: getattr(bank, field) for field in ("counts", "names", "groups", "notes")}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}.{uuid4().hex}.part")
    try:
        save_file({"images": bank.images.contiguous()}, temporary, {"bank": json.dumps(facts)})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_bank(path: Path) -> ImageBank:
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["bank"])
        images = file.get_tensor("images")
    counts, names, groups = (tuple(facts[field]) for field in ("counts", "names", "groups"))
    return ImageBank(images, counts, names, groups, facts["notes"])


def progress(items: Iterable[Item], doing: str, total: int | None = None) -> Iterable[Item]:
    """The same items, with a bar on stderr while they pass (on a terminal only)."""
    console = Console(stderr=True)
    return track(
        items, doing, total, console=console, transient=True, disable=not console.is_terminal
    )
