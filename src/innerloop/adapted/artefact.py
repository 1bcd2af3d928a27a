"""The file of an adapted task: what is in it, and how it is written. See docs/format.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from innerloop.adapted.plain import to_plain
from innerloop.algorithms.spec import spec_to_json
from innerloop.core import Meta
from innerloop.errors import InputError
from innerloop.tasks.inputs import inputs_to_json
from innerloop.training.files import weights_digest, write_tensors

if TYPE_CHECKING:
    from innerloop.adapted.task import Adapted

VERSION = 1  # raise when older versions could not read the file rightly


def save(task: Adapted, path: Path, *, standalone: bool, keep_support: bool) -> None:
    """See `Adapted.save`."""
    if path.is_dir():
        raise InputError(
            f"an adapted task is one file, and {str(path)!r} is a folder; name a file in it.",
            f"适应后的任务保存为单个文件，而 {str(path)!r} 是文件夹；请给出其中的文件名。",
        )
    if task.folder is None and not standalone:
        raise InputError(
            "the file would name its run, but this run was kept in memory only; save with "
            "standalone=True, or train with out=FOLDER.",
            "文件需要引用其运行，但该运行仅在内存中；请用 standalone=True 保存，或训练时给出 out=FOLDER。",
        )
    tensors: dict[str, Tensor] = {}
    values = {
        "adapted": VERSION,
        "kind": task.kind,
        "classes": None if task.classes is None else task.classes.tolist(),
        "flat": task.flat,
        "orders": task.orders,
        "spec": spec_to_json(task.learner),
        "run": where(task.folder, path, task.meta),
        "fast": to_plain(task.fast, "fast", tensors),
        "form": to_plain(task.form, "form", tensors),
        "places": to_plain(task.places, "places", tensors),
        "support": to_plain(task.support if keep_support else None, "support", tensors),
        "meta": to_plain(task.meta if standalone else None, "meta", tensors),
        "inputs": inputs_to_json(task.inputs) if standalone else None,
        "trust": to_plain(task.trust, "trust", tensors),
    }
    write_tensors(path, tensors, values)


def where(folder: Path | None, path: Path, meta: Meta) -> dict[str, Any]:
    """The run by its name, its place seen from the file and by itself, and its weights' digest."""
    found: dict[str, Any] = {"name": None, "relative": None, "absolute": None}
    if folder is not None:
        absolute = folder.resolve()
        found["name"], found["absolute"] = absolute.name, str(absolute)
        try:
            relative = os.path.relpath(absolute, path.parent.resolve())
            found["relative"] = Path(relative).as_posix()
        except ValueError:  # another drive
            pass
    return {**found, "weights": weights_digest(meta)}
