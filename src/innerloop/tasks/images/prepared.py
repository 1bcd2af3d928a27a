"""The images of a folder, of one shape, in a file that is mapped to memory: made once."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.language import say
from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.images.pixels import Unreadable, open_image, pixels
from innerloop.tasks.mapped import Block, Blocks, kept

VERSION = 3  # raise when the same files give other pixels
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
        blocks = one_by_one(lambda n: prepared_row(root / names[n], how), len(names))
        made, lines = kept(folder, shape, blocks, doing=say("preparing images", "处理图像"))
        return logged(torch.from_numpy(made), lines)
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


def one_by_one(make: Callable[[int], Row], total: int) -> Blocks:
    """Rows that are made each by itself, in blocks."""

    def blocks(first: int) -> Iterator[Block]:
        for start in range(first, total, AT_ONCE):
            made = [make(n) for n in range(start, min(start + AT_ONCE, total))]
            yield np.stack([image for image, *_ in made]), [facts for _, *facts in made]

    return blocks


def key_of(root: Path, names: Sequence[str], how: dict[str, Any]) -> str:
    whole = hashlib.blake2b(f"{VERSION} {json.dumps(how)}\n".encode(), digest_size=10)
    for name in names:
        facts = (root / name).stat()
        line = f"{name}\0{facts.st_size} {facts.st_mtime_ns}\n"
        whole.update(line.encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


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
