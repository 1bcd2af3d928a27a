"""Banks that were slow to make, kept in the user's cache folder under a name made of their content."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from innerloop.language import say
from innerloop.tasks.cache import cache_folder
from innerloop.tasks.images.bank import ImageBank


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
