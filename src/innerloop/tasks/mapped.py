"""An array in a file that is mapped to memory: made once, block by block, and gone on with if cut
short.

Beside the rows lies a log with one line per block, how many rows it has and what is to be known of
them; the file `whole.json` is written last, so that without it nothing is taken for complete.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from innerloop.tasks.cache import progress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Block = tuple[np.ndarray, list[Any]]  # rows, and as JSON what is to be known of them
Blocks = Callable[[int], Iterable[Block]]  # those from this row on


def kept(
    folder: Path, shape: tuple[int, ...], blocks: Blocks, *, dtype: str = "|u1", doing: str
) -> tuple[np.ndarray, list[Any]]:
    """(rows, what the blocks said of them) as they lie in this folder of the cache, else as
    `blocks` makes them; a process that is killed goes on where it stopped.

    shape: of all rows together. dtype: "|u1" or "<f4". doing: what the bar says.
    """
    with alone(folder):
        if not is_whole(folder, shape, dtype):
            build(folder, shape, dtype, blocks, doing)
        return read(folder)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Another process that makes the same is waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def header_of(shape: tuple[int, ...], dtype: str) -> bytes:
    """The beginning of an .npy file."""
    head = io.BytesIO()
    facts = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, facts)
    return head.getvalue()


def size_of(shape: tuple[int, ...], dtype: str) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize


def is_whole(folder: Path, shape: tuple[int, ...], dtype: str) -> bool:
    try:
        whole = json.loads((folder / "whole.json").read_text())
        size = (folder / "rows.npy").stat().st_size
    except (OSError, ValueError):
        return False
    header = len(header_of(shape, dtype))
    return bool(whole == {"rows": shape[0]} and size == header + size_of(shape, dtype))


def build(folder: Path, shape: tuple[int, ...], dtype: str, blocks: Blocks, doing: str) -> None:
    (folder / "whole.json").unlink(missing_ok=True)
    header, row = header_of(shape, dtype), size_of(shape[1:], dtype)
    with (folder / "rows.npy").open("ab") as data, (folder / "log.jsonl").open("ab") as log:
        done = gone_on_with(folder, data, log, header, row)
        rest = blocks(done) if done < shape[0] else ()
        for rows, facts in progress(rest, doing, shape[0] - done, lambda block: len(block[0])):
            data.write(np.ascontiguousarray(rows, dtype=dtype).tobytes())
            on_disk(data)
            log.write((json.dumps({"rows": len(rows), "facts": facts}) + "\n").encode())
            on_disk(log)
    part = folder / "whole.json.part"
    part.write_text(json.dumps({"rows": shape[0]}))
    part.replace(folder / "whole.json")


def gone_on_with(folder: Path, data: BinaryIO, log: BinaryIO, header: bytes, row: int) -> int:
    """How many rows are there already; whatever is there by halves is cut off."""
    with (folder / "rows.npy").open("rb") as found:
        begun = found.read(len(header)) == header
    there = (data.tell() - len(header)) // row if begun else 0
    done = read_to = 0
    for line in (folder / "log.jsonl").read_bytes().split(b"\n")[:-1] if begun else ():
        count = json.loads(line)["rows"]
        if done + count > there:
            break
        done, read_to = done + count, read_to + len(line) + 1
    log.truncate(read_to)
    data.truncate(len(header) + done * row if begun else 0)
    if not begun:
        data.write(header)
    return done


def on_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def read(folder: Path) -> tuple[np.ndarray, list[Any]]:
    rows = np.load(folder / "rows.npy", mmap_mode="c")
    with (folder / "log.jsonl").open() as log:
        return rows, [fact for line in log for fact in json.loads(line)["facts"]]
