"""What one column of a table says, as numbers: fitted on some rows, kept as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from innerloop.tasks.tables.reading import numbers_of, pandas, values_of

CATEGORIES = 20  # the commonest have a slot each, the others share one
YES, NO = ("true", "yes", "y", "t"), ("false", "no", "n", "f")
DATES = ("ISO8601", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y年%m月%d日", "%d-%b-%Y", "%d %B %Y")
DAY = 86_400.0
SURE = re.compile(r"(^|[_\s#])(id|uuid|guid|index|key|rownum)([_\s#]|$)|^unnamed|^$", re.I)


@dataclass(frozen=True)
class Number:
    """(x - mean) / std, the median where it is missing; then 1 in a second slot, if any was."""

    name: str
    mean: float
    std: float
    median: float
    indicator: bool
    kind: ClassVar[str] = "number"

    @classmethod
    def fit(cls, name: str, column: Any) -> Number:
        x = numbers_of(column)
        missing = np.isnan(x)
        median = float(np.median(x[~missing]))
        filled = np.where(missing, median, x)
        std = float(filled.std())
        return cls(name, float(filled.mean()), std if std > 0 else 1.0, median, bool(missing.any()))

    @property
    def width(self) -> int:
        return 1 + self.indicator

    def encode(self, column: Any) -> np.ndarray:
        x = numbers_of(column)
        missing = np.isnan(x)
        scaled = (np.where(missing, self.median, x) - self.mean) / self.std
        return np.stack([scaled, missing], 1)[:, : self.width]


@dataclass(frozen=True)
class Category:
    """A slot for each of the commonest values, one for all others, one for missing if any was."""

    name: str
    values: tuple[str, ...]
    indicator: bool
    kind: ClassVar[str] = "category"

    @classmethod
    def fit(cls, name: str, column: Any) -> Category:
        values = values_of(column)
        counts = Counter(v for v in values if v is not None)
        commonest = sorted(counts, key=lambda v: (-counts[v], v))[:CATEGORIES]
        return cls(name, tuple(sorted(commonest)), None in values)

    @property
    def width(self) -> int:
        return len(self.values) + 1 + self.indicator

    def encode(self, column: Any) -> np.ndarray:
        slot: dict[str | None, int] = {value: n for n, value in enumerate(self.values)}
        other = len(self.values)
        slot[None] = other + 1 if self.indicator else other
        places = [slot.get(value, other) for value in values_of(column)]
        return np.eye(self.width)[places]


@dataclass(frozen=True)
class Boolean:
    """1 for yes, -1 for no, 0 for missing or anything else."""

    name: str
    kind: ClassVar[str] = "boolean"
    width: ClassVar[int] = 1

    @classmethod
    def fit(cls, name: str, column: Any) -> Boolean:
        return cls(name)

    def encode(self, column: Any) -> np.ndarray:
        said = {**dict.fromkeys((*YES, "1"), 1.0), **dict.fromkeys((*NO, "0"), -1.0)}
        return np.array([[said.get((v or "").lower(), 0.0)] for v in values_of(column)])


@dataclass(frozen=True)
class Date:
    """Days since the first one, in years and standardised; month, weekday and hour as points on a
    circle; then 1 if missing, in a slot of its own if any was.

    format: how it is written; None where the column holds dates. first: days since 1970.
    """

    name: str
    format: str | None
    first: float
    mean: float
    std: float
    hours: bool
    indicator: bool
    kind: ClassVar[str] = "date"

    @classmethod
    def fit(cls, name: str, column: Any) -> Date:
        form = date_format(column)
        days = days_of(column, form)
        real = days[~np.isnan(days)]
        years = (real - real.min()) / 365.25
        return cls(
            name,
            form,
            float(real.min()),
            float(years.mean()),
            float(years.std()) or 1.0,
            bool((real % 1 != 0).any()),
            bool(np.isnan(days).any()),
        )

    @property
    def width(self) -> int:
        return 6 + 2 * self.hours + self.indicator

    def encode(self, column: Any) -> np.ndarray:
        days = days_of(column, self.format)
        missing = np.isnan(days)
        days = np.where(missing, self.first, days)
        dates = days.astype("datetime64[D]")  # whole days
        year = dates.astype("datetime64[Y]").astype(float) + 1970
        month = dates.astype("datetime64[M]").astype(float) % 12
        elapsed = ((days - self.first) / 365.25 - self.mean) / self.std
        since = self.first / 365.25 + 1970 + self.mean
        parts = [elapsed, (np.floor(year) - since) / max(self.std, 1.0)]
        parts += circle(month / 12) + circle((np.floor(days) + 3) % 7 / 7)
        parts += circle(days % 1) if self.hours else []
        found = np.where(missing[:, None], 0.0, np.stack(parts, 1))
        return np.concatenate([found, missing[:, None]], 1)[:, : self.width]


def circle(turn: np.ndarray) -> list[np.ndarray]:
    return [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]


def days_of(column: Any, form: str | None) -> np.ndarray:
    """(rows,) days since 1970, nan where there is no date."""
    pd = pandas()
    if form is not None:
        column = pd.to_datetime(column, format=form, errors="coerce", utc=form == "ISO8601")
        if form == "ISO8601":
            column = column.dt.tz_localize(None)
    elif not pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = pd.to_datetime(column, errors="coerce")
    seconds = column.to_numpy(dtype="datetime64[s]")
    days = seconds.astype(np.int64) / DAY
    return np.where(np.isnat(seconds), np.nan, days)


def date_format(column: Any) -> str | None:
    """How all of the column's values are written as dates; None where the column holds dates."""
    if pandas().api.types.is_datetime64_any_dtype(column.dtype):
        return None
    real = column[column.notna()]
    return next((f for f in DATES if not np.isnan(days_of(real, f)).any()), None)


def is_date(column: Any) -> bool:
    pd = pandas()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    some = [v for v in values_of(column.head(50)) if v is not None]
    written = all(len(v) >= 6 and re.search(r"\d[-/.年 ]", v) for v in some)
    return bool(some) and written and date_format(column) is not None


Column = Number | Category | Boolean | Date
KINDS: dict[str, type[Column]] = {c.kind: c for c in (Number, Category, Boolean, Date)}


def fit_column(name: str, column: Any) -> Column | str:
    """What the column says, judged by these rows alone; or why it says nothing."""
    present, rows = column.dropna(), len(column)
    distinct = present.nunique()
    if distinct == 0:
        return "empty"
    if distinct == 1 and len(present) == rows:
        return "constant"
    if is_boolean(column, present):
        return Boolean.fit(name, column)
    if is_number(column, len(present)):
        return "id-like" if counts_rows(name, column, distinct) else Number.fit(name, column)
    if is_date(column):
        return Date.fit(name, column)
    if distinct > 0.9 * rows and rows >= 10:
        return "id-like"
    return Category.fit(name, column)


def is_boolean(column: Any, present: Any) -> bool:
    if column.dtype == bool:
        return True
    words = {*YES, *NO}
    return column.dtype == object and all(str(v).lower() in words for v in present.unique())


def is_number(column: Any, present: int) -> bool:
    """Whether every value that is there is a finite number or an infinite one."""
    pd = pandas()
    if column.dtype.kind == "f":
        return bool((~np.isnan(numbers_of(column))).any())
    if column.dtype != object:
        return False
    found = pd.to_numeric(column, errors="coerce")
    return int(found.notna().sum()) == present and bool(np.isfinite(found.dropna()).any())


def counts_rows(name: str, column: Any, distinct: int) -> bool:
    """Whether whole numbers only name the rows: all differ, and they count up by one or are so
    called."""
    x = numbers_of(column)
    if distinct < len(x) or len(x) < 10 or np.isnan(x).any() or (x % 1 != 0).any():
        return False
    return bool(SURE.search(name)) or bool(np.ptp(np.diff(x)) == 0)


def column_to_json(column: Column) -> dict[str, Any]:
    return {"kind": column.kind, **asdict(column)}


def column_from_json(data: dict[str, Any]) -> Column:
    facts = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "kind"}
    kind: Callable[..., Column] = KINDS[data["kind"]]
    return kind(**facts)
