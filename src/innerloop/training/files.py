"""Files that are whole or not there: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from innerloop.core import Meta
from innerloop.errors import InnerloopError, InputError

FORMAT = "innerloop 1"
BESIDE = ".half-"  # a name that begins like this is a file not yet whole


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # not the user's doing


class CannotWrite(InnerloopError):
    """A file that could not be written; what was saved before is whole. Exit 1 if the disk is full
    or broken, 2 if the place was a bad choice."""

    def __init__(self, en: str, zh: str, exit_code: int):
        super().__init__(en, zh)
        self.exit_code = exit_code


def disk_error(error: OSError, path: Path | str | None = None) -> CannotWrite:
    """The sentence for what the system says."""
    where, reason = str(path or error.filename or "?"), error.strerror or str(error)
    if error.errno in FULL:
        return CannotWrite(
            f"Cannot write {where!r}: {reason}; free some space or choose another folder. "
            "What was saved before is whole.",
            f"无法写入 {where!r}：{reason}；请释放空间或换一个文件夹。此前保存的内容完好。",
            exit_code=1,
        )
    return CannotWrite(
        f"Cannot use {where!r}: {reason}; choose a folder (--out) that you may read and write.",
        f"无法使用 {where!r}：{reason}；请选择可读写的文件夹（--out）。",
        exit_code=2,
    )


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """A full disk or a read-only folder becomes one sentence."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Whoever reads `path` at any moment finds the old content or the new, never a part."""
    beside = path.with_name(f"{BESIDE}{path.name}.{os.getpid()}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
            flush_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def digest(value: Any) -> str:
    """A short name of a JSON value's content."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_tensors(path: Path, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
    """Tensors and plain values in one safetensors file, with a digest over both."""
    whole = torch.contiguous_format
    tensors = {n: leaf.detach().cpu().clone(memory_format=whole) for n, leaf in tensors.items()}
    text = json.dumps(values, ensure_ascii=False)
    metadata = {"format": FORMAT, "values": text, "digest": content_digest(tensors, text)}
    write_atomically(path, save(tensors, metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote, or an InputError if the file is not whole."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise damaged(path) from error
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{str(path)!r} has the format {metadata.get('format')!r}, this version reads "
            f"{FORMAT!r}; load it with the version that wrote it.",
            f"{str(path)!r} 的格式为 {metadata.get('format')!r}，本版本读取 {FORMAT!r}；"
            "请用写入它的版本载入。",
        )
    text = metadata.get("values", "")
    if metadata.get("digest") != content_digest(tensors, text):
        raise damaged(path)
    return tensors, json.loads(text)


def content_digest(tensors: dict[str, Tensor], text: str) -> str:
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        leaf = tensors[name]
        found.update(f"{name} {leaf.dtype} {tuple(leaf.shape)}".encode())
        found.update(leaf.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


def weights_digest(meta: Meta) -> str:
    """A short name of what was learnt across tasks.

    >>> import torch
    >>> weights_digest(Meta({"w": torch.zeros(1)}, {}))
    'a9b4b7868e72491b'
    """
    parts = {"params": meta.params, "state": meta.state}
    tensors = {f"{part}/{n}": leaf for part, held in parts.items() for n, leaf in held.items()}
    return content_digest({n: leaf.detach().cpu().contiguous() for n, leaf in tensors.items()}, "")


@contextlib.contextmanager
def damage(path: Path) -> Iterator[None]:
    """What lacks a part, or has another in its place, is damaged."""
    try:
        yield
    except InnerloopError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path) from error


def damaged(path: Path) -> InputError:
    return InputError(
        f"{str(path)!r} is damaged or not a file of innerloop; use an earlier copy.",
        f"{str(path)!r} 已损坏或不是 innerloop 的文件；请使用更早的副本。",
    )
