"""Some columns of all rows, or some rows of all columns, of a table that is read in parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from innerloop.tasks.tables.parts import Table
from innerloop.tasks.tables.reading import numbers_of, pandas, text_of

CELLS = 5_000_000  # of meta-training rows to which scaling, categories and imputation are fitted
WORDS = 1 << 16  # different texts of a column; one of numbers that has more is kept as numbers


def gathered(table: Table, names: Sequence[str], texts: Collection[str] = ()) -> Any:
    """These columns of all rows. Those of a large table come as numbers, or as codes of few texts.

    texts: columns that stay text however many they have, "007" being another than "7".
    """
    names = list(dict.fromkeys(names))
    if table.held is not None:
        return table.held[names]
    growing = {name: Growing(name in texts) for name in names}
    for frame in table.frames(names):
        for name, column in growing.items():
            column.add(frame[name])
    return pandas().DataFrame({name: column.series() for name, column in growing.items()})


def spread(rows: np.ndarray, columns: int) -> np.ndarray:
    """Of these rows all, or so many, evenly spread, as have `CELLS` cells in so many columns."""
    most = max(1, CELLS // max(1, columns))
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def picked(table: Table, names: Sequence[str], rows: np.ndarray) -> Any:
    """These columns of some rows, whose numbers are in order."""
    if table.held is not None:
        return table.held[list(names)].iloc[rows].reset_index(drop=True)
    growing = {name: Growing(False) for name in names}
    first = 0
    for frame in table.frames(names):
        here = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + len(frame))]
        for name, column in growing.items():
            column.add(frame[name].iloc[here - first])
        first += len(frame)
    return pandas().DataFrame({name: column.series() for name, column in growing.items()})


class Growing:
    """A column that grows part by part: numbers and dates as they are, texts as codes.

    text: whether it stays text if its texts are many and all of them numbers.
    """

    def __init__(self, text: bool):
        self.text = text
        self.places: dict[str, int] = {}
        self.codes: list[np.ndarray] = []
        self.plain: list[Any] = []  # also the numbers that the texts so far are, if all are

    def add(self, column: Any) -> None:
        if column.dtype.kind in "fM":
            self.plain.append(column)
            return
        pd = pandas()
        codes, found = pd.factorize(np.array(column.tolist(), dtype=object))
        texts = [text if isinstance(text, str) else text_of(text) or "" for text in found]
        only_numbers = bool(self.plain) and not self.codes
        if only_numbers or not self.text:
            numbers = np.append(numbers_of(pd.Series(texts, dtype=object)), np.nan)
            self.plain.append(pd.Series(numbers[codes]))
            if only_numbers:
                return
            if np.isnan(numbers[:-1]).any():
                self.text, self.plain = True, []
        places = [self.places.setdefault(text, len(self.places)) for text in texts]
        self.codes.append(np.array([*places, -1], dtype=np.int32)[codes])
        if not self.text and len(self.places) > WORDS:
            self.codes, self.places = [], {}

    def series(self) -> Any:
        pd = pandas()
        if not self.codes:
            return pd.concat(self.plain, ignore_index=True)
        return pd.Series(pd.Categorical.from_codes(np.concatenate(self.codes), list(self.places)))


def numbered(column: Any) -> tuple[list[str], np.ndarray]:
    """(its different texts, sorted; which of them each row has, -1 where it is missing)."""
    codes, found = pandas().factorize(column)
    texts = [text_of(value) for value in list(found)]
    names = sorted({text for text in texts if text is not None})
    place: dict[str | None, int] = {name: n for n, name in enumerate(names)}
    places = np.array([*(place.get(text, -1) for text in texts), -1], dtype=np.int64)
    return names, places[codes]
