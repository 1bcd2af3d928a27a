"""Episodes of which each is a table of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch

from innerloop.core import Episode, Episodes, Examples
from innerloop.episodes import Draws, Stream, ends, most, spelt, together
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import Kind
from innerloop.tasks.pools import check_spans
from innerloop.tasks.small.scaling import in_width, standardised


@dataclass(frozen=True, eq=False)
class SmallTable:
    """x: (rows, f) as numbers. y: (rows,) class positions, or numbers. number: the table's own."""

    name: str
    family: str
    number: int
    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)

    @property
    def classes(self) -> int:
        return int(self.y.max()) + 1


@dataclass(frozen=True, kw_only=True)
class SmallTableStream(Stream):
    """Episodes of these tables: families are equally likely, and so are the tables of each.

    shots: labelled rows of a task in all, among them one of each class. ways: how many classes a
    table may have to be drawn. x: (T, S, features), see `pmlb`.
    """

    kind: Kind
    features: int
    tables: tuple[SmallTable, ...] = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_spans(self, self.kind)
        if not self.usable:
            raise InputError(
                f"{self.name} has no table with {self._needs('en')}; lower --shots or --queries, or "
                "widen --ways.",
                f"{self.name} 中没有满足条件的表格（{self._needs('zh')}）；请减小 --shots、--queries，"
                "或放宽 --ways。",
            )

    def _needs(self, language: str) -> str:
        least = ends(self.shots)[0] + ends(self.queries)[0]
        if self.ways is None:
            return f"{least} rows" if language == "en" else f"{least} 行"
        ways, shots = spelt(self.ways), ends(self.shots)[0]
        if language == "en":
            return f"{least} rows and {ways} classes (at most shots = {shots})"
        return f"{least} 行且 {ways} 类，类别数不超过 shots = {shots}"

    @cached_property
    def usable(self) -> tuple[SmallTable, ...]:
        """The tables that are large enough and have as many classes as asked for."""
        return tuple(table for table in self.tables if self._fits(table))

    @cached_property
    def families(self) -> tuple[tuple[SmallTable, ...], ...]:
        by_name = sorted(self.usable, key=lambda table: (table.family, table.name))
        return tuple(tuple(held) for _, held in groupby(by_name, key=lambda table: table.family))

    def _fits(self, table: SmallTable) -> bool:
        shots = ends(self.shots)[0]
        if len(table.y) < shots + ends(self.queries)[0]:
            return False
        if self.ways is None:
            return True
        low, high = ends(self.ways)
        return low <= table.classes <= min(high, shots)

    @property
    def largest(self) -> tuple[int, int]:
        return most(self.shots), most(self.queries)

    @property
    def notes(self) -> tuple[str, ...]:
        left = [table.name for table in self.tables if table not in self.usable]
        if not left:
            return ()
        names = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
        return (
            say(
                f"{self.name}: {len(left)} of {len(self.tables)} tables are left out, a task needs "
                f"{self._needs('en')} ({names}).",
                f"{self.name}：{len(self.tables)} 个表格中有 {len(left)} 个未使用，任务需要"
                f"{self._needs('zh')}（{names}）。",
            ),
        )

    def draw(self, draws: Draws) -> Episodes:
        return together([self._episode(rng) for rng in draws.generators()])

    def _episode(self, rng: np.random.Generator) -> Episode:
        tables = self.families[rng.integers(len(self.families))]
        table = tables[rng.integers(len(tables))]
        low, high = ends(self.shots)
        shots = int(rng.integers(low, min(high, len(table.y) - ends(self.queries)[0]) + 1))
        return episode(table, self.features, *divided(table, shots, most(self.queries), rng))

    def describe(self, episodes: Episodes, t: int) -> str:
        """ "pmlb/test task 'iris'" """
        names = {table.number: table.name for table in self.tables}
        if episodes.task is None or int(episodes.task[t]) not in names:
            return super().describe(episodes, t)
        return f"{self.name} task {names[int(episodes.task[t])]!r}"

    def summary(self) -> dict[str, Any]:
        """Counts for people, as JSON."""
        groups = {
            table.name: {
                "family": table.family,
                "rows": len(table.y),
                "features": table.x.shape[1],
                "classes": table.classes if self.ways is not None else None,
            }
            for table in self.usable
        }
        return {"tables": len(groups), "groups": groups}


def divided(
    table: SmallTable, shots: int, queries: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(labelled, unlabelled) rows: as they come, but of each class at least one is labelled."""
    rows = rng.permutation(len(table.y))
    if table.y.dtype.kind == "i":
        first = np.unique(table.y[rows], return_index=True)[1]  # of each class
        rows = np.concatenate([rows[first], np.delete(rows, first)])
    return rows[:shots], rows[shots : shots + queries]


def episode(table: SmallTable, features: int, labelled: np.ndarray, others: np.ndarray) -> Episode:
    """One task of a table: x scaled and filled up by its labelled rows."""
    x = [torch.from_numpy(table.x[rows]) for rows in (labelled, others)]
    support, query = (side.float() for side in in_width(features, *standardised(*x)))
    y, z = (torch.from_numpy(table.y[rows]) for rows in (labelled, others))
    task = torch.tensor(table.number)
    if table.y.dtype.kind == "i":
        ways = table.classes
        return Episode(Examples(support, y, ways=ways), Examples(query, z, ways=ways), task)
    y, z = (side.float() for side in standardised(y[:, None], z[:, None]))
    return Episode(Examples(support, y), Examples(query, z), task)
