"""Files and frames as one kind of table: numbers, dates, yes or no, and text, read alike."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from innerloop.errors import InputError, MissingExtra, did_you_mean, reason, shown

SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": None, ".data": None, ".parquet": None}
MISSING = ("?", "-", ".")  # besides "", NA, NaN, null, None ..., which pandas knows
ENCODINGS = ("utf-8-sig", "gb18030")


def pandas() -> Any:
    """The package, which imports slowly and is optional."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("table", "Reading tables") from None
    return pd


def is_table(source: str) -> bool:
    """Whether a name that the user typed is that of a table: it ends like one.

    >>> is_table("visits.csv"), is_table("omniglot")
    (True, False)
    """
    return Path(source.removesuffix(".gz")).suffix.lower() in SUFFIXES


def read_table(source: Any) -> Any:
    """A DataFrame whose columns hold float64, bool, datetime64 or text with None for missing.

    source: a path (CSV, TSV, Parquet; .gz of the first two) or a DataFrame. Text from a file stays
    text here; what a column means is decided on meta-train rows, by `columns`.
    """
    check_source(source)
    pd = pandas()
    frame = source if isinstance(source, pd.DataFrame) else read_file(Path(source))
    names = [str(name).strip() for name in frame.columns]
    refuse_doubles(names)
    refuse_empty(source, len(frame), len(names))
    return plain_frame(frame)


def check_source(source: Any) -> None:
    pd = pandas()
    if not isinstance(source, str | PathLike | pd.DataFrame):
        raise InputError(
            f"a table is a path or a pandas DataFrame, got {shown(source)}; wrap what you have in "
            "pandas.DataFrame.",
            f"表格应为路径或 pandas DataFrame，收到 {shown(source)}；请用 pandas.DataFrame 包装。",
        )
    if not isinstance(source, pd.DataFrame):
        check_file(Path(source))


def plain_frame(frame: Any) -> Any:
    columns = enumerate(frame.columns)
    plain = {str(name).strip(): plain_column(frame.iloc[:, i]) for i, name in columns}
    return pandas().DataFrame(plain)


def refuse_doubles(names: Sequence[str]) -> None:
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise InputError(
            f"every column needs a name of its own, but {listed(doubles)} stands there more than "
            "once; rename one.",
            f"每一列都需要自己的名称，但 {listed(doubles)} 重复出现；请改名。",
        )


def refuse_empty(source: Any, rows: int, columns: int) -> None:
    if not rows or not columns:
        raise InputError(
            f"a table needs rows and columns, {source_name(source)} has {rows} rows and "
            f"{columns} columns; give one that holds data.",
            f"表格需要有行和列，{source_name(source)} 有 {rows} 行 {columns} 列；请给出有数据的表格。",
        )


def read_file(path: Path) -> Any:
    """The frame in a file, its text undecided; whatever is wrong with it in one sentence."""
    with readable(path):
        if path.suffix.lower() == ".parquet":
            return parquet(path).read().to_pandas()
        encoding = encoding_of(path)
        separator, names = header_of(path, encoding)
        return parse_text(path, separator, names, encoding)


def check_file(path: Path) -> None:
    if not path.is_file():
        what = ("is a folder", "是文件夹") if path.is_dir() else ("is not there", "不存在")
        raise InputError(
            f"a table must be a file, but {str(path)!r} {what[0]}; check the path.",
            f"表格应为文件，但 {str(path)!r} {what[1]}；请检查路径。",
        )
    if not is_table(path.name):
        raise InputError(
            f"a table must be one of {', '.join(SUFFIXES)} (.gz as well), got {path.name!r}; "
            "save it as CSV.",
            f"表格必须是 {', '.join(SUFFIXES)}（可带 .gz）之一，收到 {path.name!r}；请另存为 CSV。",
        )


def parse_text(source: Any, separator: str, names: list[str], encoding: str) -> Any:
    """All cells as text; `names` are those in the first line."""
    frame = pandas().read_csv(
        source,
        sep=separator,
        dtype=str,
        na_values=list(MISSING),
        encoding=encoding,
        skipinitialspace=True,
        index_col=False,
        skip_blank_lines=True,
    )
    frame.columns = names[: len(frame.columns)]  # pandas numbers doubles; we refuse them
    return frame


@contextmanager
def readable(path: Path, start: int = 0) -> Iterator[None]:
    """What another library says of a file that it cannot read, as one sentence.

    start: the byte from which on its lines are counted."""
    try:
        yield
    except (InputError, MissingExtra, OSError):
        raise
    except Exception as error:
        why = reason(error)
        en, zh = (
            (f", counted from byte {start:,}", f"，从第 {start:,} 字节起计") if start else ("", "")
        )
        raise InputError(
            f"{str(path)!r} cannot be read as a table ({why}{en}); repair it or save it anew.",
            f"无法将 {str(path)!r} 作为表格读取（{why}{zh}）；请修复或重新保存。",
        ) from None


def parquet(path: Path) -> Any:
    """The opened file."""
    try:
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise MissingExtra("table", "Reading Parquet") from None
    with readable(path):
        return ParquetFile(path)


def encoding_of(path: Path) -> str:
    """The first encoding that all of the file obeys."""
    for encoding in ENCODINGS:
        try:
            with opened(path, encoding) as file:
                while file.read(1 << 22):
                    pass
            return encoding
        except UnicodeDecodeError:
            continue
    raise InputError(
        f"{str(path)!r} is neither UTF-8 nor GB18030 text; save it as UTF-8.",
        f"{str(path)!r} 既不是 UTF-8 也不是 GB18030 文本；请另存为 UTF-8。",
    )


def opened(path: Path, encoding: str) -> Any:
    import gzip

    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def header_of(path: Path, encoding: str) -> tuple[str, list[str]]:
    """(what separates cells, the names in the first line that is not blank)."""
    with opened(path, encoding) as file:
        first = next((line for line in file if line.strip()), "")
    if "\0" in first:
        raise InputError(
            f"{str(path)!r} holds bytes that are no text; is it a table at all?",
            f"{str(path)!r} 含有非文本字节；它是表格吗？",
        )
    separator = SUFFIXES[Path(path.name.removesuffix(".gz")).suffix.lower()]
    if separator in (None, ","):  # semicolons and tabs are common in files called .csv, too
        separator = max(",;\t", key=first.count)
    cells = next(csv.reader([first.rstrip("\r\n")], delimiter=separator, skipinitialspace=True), [])
    return separator, [cell.strip() for cell in cells]


def plain_column(column: Any) -> Any:
    """float64, bool, datetime64, or objects: text or None."""
    pd = pandas()
    kinds = pd.api.types
    column = column.reset_index(drop=True)
    if kinds.is_bool_dtype(column.dtype) and not column.isna().any():
        return column.astype(bool)
    if kinds.is_datetime64_any_dtype(column.dtype):
        return column.dt.tz_localize(None) if column.dt.tz is not None else column
    if kinds.is_numeric_dtype(column.dtype) and not kinds.is_bool_dtype(column.dtype):
        if kinds.is_complex_dtype(column.dtype):
            raise InputError(
                f"column {column.name!r} holds complex numbers; give real and imaginary parts.",
                f"列 {column.name!r} 为复数；请拆分为实部与虚部。",
            )
        return column.astype("float64")
    if isinstance(column.dtype, pd.StringDtype):
        stripped = column.str.strip().replace("", pd.NA)
        return stripped.astype(object).where(stripped.notna(), None)
    return pd.Series([text_of(value) for value in column], dtype=object)


def uncoded(column: Any) -> Any:
    """Codes of texts as the texts, None for missing."""
    if column.dtype != "category":
        return column
    return pandas().Series(values_of(column), dtype=object)


def text_of(value: Any) -> str | None:
    """How a value is written, alike from a file and from a frame: 3.0 is "3"; None for missing.

    >>> text_of(3.0), text_of(" a "), text_of(float("nan"))
    ('3', 'a', None)
    """
    if isinstance(value, str):
        return value.strip() or None
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if pandas().api.types.is_scalar(value) and pandas().isna(value):
        return None
    return str(value).strip() or None


def values_of(column: Any) -> list[str | None]:
    """Every value of a column as text, missing ones None."""
    if column.dtype == "category":
        texts = [*map(text_of, column.cat.categories), None]
        return [texts[code] for code in column.cat.codes.tolist()]
    if column.dtype == object:
        return [v if isinstance(v, str) else text_of(v) for v in column.tolist()]
    return [text_of(value) for value in column.tolist()]


def numbers_of(column: Any) -> np.ndarray:
    """(rows,) float64; nan where a cell is missing, is no number, or is infinite."""
    pd = pandas()
    if column.dtype == "category":
        of_codes = numbers_of(pd.Series(column.cat.categories.astype(object)))
        return np.append(of_codes, np.nan)[column.cat.codes.to_numpy()]
    found = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def content_of(source: Any) -> str:
    """A digest of the rows: tells whether a table is still the one that a run was trained on."""
    check_source(source)
    if not isinstance(source, pandas().DataFrame):
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
    digest = hashlib.blake2b(digest_size=12)
    for name in source.columns:
        values = "\x1f".join(str(v) for v in values_of(source[name]))
        digest.update(f"{name}\x1e{values}\x1d".encode())
    return digest.hexdigest()


def source_name(source: Any) -> str:
    return repr(str(source)) if isinstance(source, str | Path) else "the DataFrame"


def require_column(columns: Sequence[str], name: str, role: str) -> None:
    """The column must be there: lists those that are, and the nearest name."""
    if name in columns:
        return
    en, zh = did_you_mean(name, list(columns))
    raise InputError(
        f"the {role} column must be one of {listed(list(columns))}, got {name!r}{en}",
        f"{role} 列必须是 {listed(list(columns))} 之一，收到 {name!r}{zh}",
    )


def listed(names: Sequence[Any], most: int = 12) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(repr(str(name)) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
