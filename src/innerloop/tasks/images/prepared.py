"""Images of one shape in a file that is mapped to memory: made once, and gone on with if cut short.

Beside the pixels lies a log with one line per image, its digest and what is wrong with it; the file
`whole.json` is written last, so that without it nothing is taken for complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from innerloop.language import say
from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.images.pixels import Unreadable, open_image, pixels

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

VERSION = 2  # raise when the same files give other pixels
AT_ONCE = 256  # images between two writes to disk
Row = tuple[np.ndarray, str, str, tuple[int, int]]  # pixels, digest, what is wrong, size before


@dataclass(frozen=True, eq=False)
class Prepared:
    """images: (M, channels, size, size) uint8, zeros where the file cannot be read.

    digests: of each file's bytes, "" where it cannot be opened. problems: {row: what is wrong}.
    sizes: (width, height) of each before it was resized, (0, 0) where it cannot be read.
    """

    images: Tensor
    digests: tuple[str, ...]
    problems: dict[int, str]
    sizes: tuple[tuple[int, int], ...]

    def content(self, names: Sequence[str]) -> str:
        """One digest over the names and bytes of all files."""
        whole = hashlib.blake2b(digest_size=8)
        for name, digest in sorted(zip(names, self.digests, strict=True)):
            whole.update(f"{name}\0{digest}\n".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def prepare(root: Path, names: Sequence[str], *, channels: int, size: int, fit: str) -> Prepared:
    """The images of these files below root, from the cache where they were prepared before.

    They are known by their names, sizes and times of change. Multi-gigabyte folders are read image
    by image into the file; a process that is killed goes on where it stopped.
    """
    how: dict[str, Any] = {"channels": channels, "size": size, "fit": fit}
    shape = (len(names), channels, size, size)
    folder = cache_folder() / "images" / key_of(root, names, how)
    try:
        return kept(folder, shape, lambda n: prepared_row(root / names[n], how))
    except OSError as problem:
        warnings.warn(
            say(
                f"the prepared images could not be kept in {folder.parent} ({problem}), so they are "
                "prepared anew each time and held in memory; set INNERLOOP_CACHE to a folder with "
                "room.",
                f"处理后的图像无法保存到 {folder.parent}（{problem}），每次都要重新处理并占用内存；"
                "请将 INNERLOOP_CACHE 设为有足够空间的文件夹。",
            ),
            stacklevel=4,
        )
    rows = [prepared_row(root / name, how) for name in progress(names, "reading images")]
    images = torch.from_numpy(np.stack([row for row, *_ in rows]))
    return logged(images, [(digest, wrong, size) for _, digest, wrong, size in rows])


def logged(images: Tensor, lines: Sequence[Any]) -> Prepared:
    digests, wrongs, sizes = zip(*lines, strict=True)
    problems = {n: wrong for n, wrong in enumerate(wrongs) if wrong}
    return Prepared(images, digests, problems, tuple((w, h) for w, h in sizes))


def kept(folder: Path, shape: tuple[int, ...], row: Callable[[int], Row]) -> Prepared:
    """What lies in this folder of the cache, else what `row` makes, image by image."""
    with alone(folder):
        if not is_whole(folder, shape):
            build(folder, row, shape)
        return read(folder)


def key_of(root: Path, names: Sequence[str], how: dict[str, Any]) -> str:
    whole = hashlib.blake2b(f"{VERSION} {json.dumps(how)}\n".encode(), digest_size=10)
    for name in names:
        facts = (root / name).stat()
        line = f"{name}\0{facts.st_size} {facts.st_mtime_ns}\n"
        whole.update(line.encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Another process that prepares the same images is waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def header_of(shape: tuple[int, ...]) -> bytes:
    """The beginning of an .npy file of uint8."""
    head = io.BytesIO()
    facts = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, facts)
    return head.getvalue()


def is_whole(folder: Path, shape: tuple[int, ...]) -> bool:
    try:
        whole = json.loads((folder / "whole.json").read_text())
        size = (folder / "images.npy").stat().st_size
    except (OSError, ValueError):
        return False
    return bool(whole == {"images": shape[0]} and size == len(header_of(shape)) + np.prod(shape))


def build(folder: Path, make: Callable[[int], Row], shape: tuple[int, ...]) -> None:
    (folder / "whole.json").unlink(missing_ok=True)
    header, row = header_of(shape), int(np.prod(shape[1:]))
    with (folder / "images.npy").open("ab") as data, (folder / "log.jsonl").open("ab") as log:
        done = gone_on_with(folder, data, log, header, row)
        rest = range(done, shape[0], AT_ONCE)
        for first in progress(rest, say("preparing images", "处理图像"), len(rest)):
            made = [make(n) for n in range(first, min(first + AT_ONCE, shape[0]))]
            data.write(b"".join(image.tobytes() for image, *_ in made))
            on_disk(data)
            lines = [json.dumps(facts) + "\n" for _, *facts in made]
            log.write("".join(lines).encode())
            on_disk(log)
    part = folder / "whole.json.part"
    part.write_text(json.dumps({"images": shape[0]}))
    part.replace(folder / "whole.json")


def gone_on_with(folder: Path, data: BinaryIO, log: BinaryIO, header: bytes, row: int) -> int:
    """How many images are there already; whatever is there by halves is cut off."""
    with (folder / "images.npy").open("rb") as found:
        begun = found.read(len(header)) == header
    pixels_there = (data.tell() - len(header)) // row if begun else 0
    lines = (folder / "log.jsonl").read_bytes().split(b"\n")[:-1] if begun else []
    done = min(pixels_there, len(lines))
    log.truncate(sum(len(line) + 1 for line in lines[:done]))
    data.truncate(len(header) + done * row if begun else 0)
    if not begun:
        data.write(header)
    return done


def on_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def read(folder: Path) -> Prepared:
    images = torch.from_numpy(np.load(folder / "images.npy", mmap_mode="c"))
    lines = (folder / "log.jsonl").read_text().splitlines()
    return logged(images, [json.loads(line) for line in lines])


def prepared_row(path: Path, how: dict[str, Any]) -> Row:
    nothing = np.zeros((how["channels"], how["size"], how["size"]), dtype=np.uint8)
    try:
        data = path.read_bytes()
    except OSError as problem:
        return nothing, "", problem.strerror or type(problem).__name__, (0, 0)
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    try:
        image = open_image(io.BytesIO(data))
        return pixels(image, **how), digest, "", image.size
    except Unreadable as problem:
        return nothing, digest, str(problem), (0, 0)
