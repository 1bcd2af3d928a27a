"""A table that is read in parts, so that a large one never is in memory whole."""

from __future__ import annotations

import gzip
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from innerloop.language import say
from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.mapped import alone
from innerloop.tasks.tables.reading import (
    encoding_of,
    header_of,
    parquet,
    parse_text,
    plain_frame,
    read_table,
    readable,
    refuse_doubles,
    refuse_empty,
)

LARGE = 64 << 20  # bytes of a file from which on it is read in parts
BLOCK = 16 << 20  # bytes of text that are parsed at once
ROWS = 1 << 14  # that are looked at together
VERSION = 1  # raise when the same file gives other cells


@dataclass(frozen=True, eq=False)
class Table:
    """names: of the columns. rows: how many. held: all of it, where it is small; else it lies in
    Parquet `files`, of a few rows or of many."""

    names: list[str]
    rows: int
    held: Any = None
    files: tuple[Path, ...] = ()

    def frames(self, names: Sequence[str], first: int = 0) -> Iterator[Any]:
        """These columns of all rows from `first` on, as `read_table` gives them, in parts."""
        if self.held is not None:
            yield self.held[list(names)].iloc[first:]
            return
        for file in map(parquet, self.files):
            if first >= file.metadata.num_rows:
                first -= file.metadata.num_rows
                continue
            as_stored = {str(n).strip(): n for n in file.schema_arrow.names}
            columns = [as_stored[name] for name in names]
            for batch in file.iter_batches(ROWS, columns=columns):
                frame = batch.to_pandas()[columns].iloc[first:]
                first = max(0, first - batch.num_rows)
                if len(frame):
                    yield plain_frame(frame)


def open_table(source: Any, content: str) -> Table:
    """The table in a file or a DataFrame. content: the digest of its bytes.

    A large text is taken apart into Parquet files in the cache folder, once: they are known by the
    content, and a process that is killed goes on where it stopped.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    if path is None or not is_large(path):
        frame = read_table(source)
        return Table(list(frame.columns), len(frame), frame)
    try:
        is_parquet = path.suffix.lower() == ".parquet"
        files = (path,) if is_parquet else taken_apart(path, content)
    except OSError as problem:
        warnings.warn(
            say(
                f"the table's parts could not be kept in {cache_folder()} ({problem}), so all of it is "
                "held in memory; set INNERLOOP_CACHE to a folder with room.",
                f"表格的各部分无法保存到 {cache_folder()}（{problem}），将全部载入内存；"
                "请将 INNERLOOP_CACHE 设为有足够空间的文件夹。",
            ),
            stacklevel=4,
        )
        frame = read_table(path)
        return Table(list(frame.columns), len(frame), frame)
    with readable(path):
        opened = [parquet(file) for file in files]
    names = [str(name).strip() for name in opened[0].schema_arrow.names]
    names = [name for name in names if name != "__index_level_0__"]
    refuse_doubles(names)
    rows = sum(file.metadata.num_rows for file in opened)
    refuse_empty(source, rows, len(names))
    return Table(names, rows, files=tuple(files))


def is_large(path: Path) -> bool:
    if not path.is_file():
        return False
    packed = path.suffix.lower() in (".gz", ".parquet")
    return path.stat().st_size * (8 if packed else 1) >= LARGE


def taken_apart(path: Path, content: str) -> list[Path]:
    """The Parquet files that a text was turned into; each is called after the bytes that it is of."""
    folder = cache_folder() / "tables" / f"{content}-{VERSION}"
    with alone(folder):
        if not (folder / "whole").exists():
            take_apart(path, folder)
        return begun(folder)


def begun(folder: Path) -> list[Path]:
    """The parts that are there without a gap from the beginning."""
    found: list[Path] = []
    end = None
    for file in sorted(folder.glob("*-*.parquet")):
        first, last = map(int, file.stem.split("-"))
        if end not in (None, first):
            break
        found, end = [*found, file], last
    return found


def take_apart(path: Path, folder: Path) -> None:
    encoding = encoding_of(path)
    separator, names = header_of(path, encoding)
    refuse_doubles(names)
    packed = path.suffix.lower() == ".gz"
    with gzip.open(path) if packed else path.open("rb") as file:
        header = next((line for line in file if line.strip()), b"")
        there = begun(folder)
        start = int(there[-1].stem.split("-")[1]) if there else file.tell()
        file.seek(start)
        total = None if packed else path.stat().st_size - start
        doing = say("reading the table", "读取表格")
        for text in progress(blocks_of(file), doing, total, len):
            end = start + len(text)
            with readable(path, start):
                frame = parse_text(io.BytesIO(header + text), separator, names, encoding)
            part = folder / "part"
            frame.to_parquet(part, index=False)
            part.replace(folder / f"{start:015d}-{end:015d}.parquet")
            start = end
    (folder / "whole").touch()


def blocks_of(file: Any) -> Iterator[bytes]:
    """The rest of a text in pieces that end where a row does."""
    left = b""
    while read := file.read(BLOCK):
        text = left + read
        end = end_of_rows(text)
        if end:
            yield text[:end]
        left = text[end:]
    if left:
        yield left


def end_of_rows(text: bytes) -> int:
    """Where the last whole row ends: at a line's end with no quotation open; 0 if nowhere.

    >>> end_of_rows(b'1,a\\n2,"b\\nc'), end_of_rows(b'2,"b'), end_of_rows(b'1,a\\n2,""\\n')
    (4, 0, 9)
    """
    end, opened = len(text), text.count(b'"') % 2
    while end:
        line = text.rfind(b"\n", 0, end)
        opened = (opened + text.count(b'"', line + 1, end)) % 2
        if not opened:
            return line + 1
        end = max(line, 0)
    return 0
