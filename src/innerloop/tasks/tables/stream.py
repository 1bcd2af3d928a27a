"""Episodes from the rows of a table: a task is one value of its task column."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, Stream
from innerloop.errors import InputError
from innerloop.tasks.tables.reading import listed


@dataclass(frozen=True, eq=False)
class TableBank:
    """The rows of one meta-split's tasks, task after task and within a task class after class.

    order: (M,) where in the table each row lies.
    all_x: (rows, d) float32 of all the table's rows, in memory or in a file mapped to it; all_y: (rows,) class
        numbers, (rows, out) standardised numbers, or (rows, out) bool.
    names: of the tasks. numbers: (tasks,) their numbers in the whole table.
    starts, counts: (tasks, classes) where the rows of each class of a task begin, and how many
        they are; without classes there is one column.
    shared: whether classes mean the same in every task; a class then always stands at its number.
    unit, scale: of a single numeric target its name, and how much of it one unit of y is.
    """

    order: np.ndarray
    all_x: Tensor
    all_y: Tensor
    names: tuple[str, ...]
    numbers: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    shared: bool = False
    classes: tuple[str, ...] = ()
    unit: str = ""
    scale: float = 1.0

    def __repr__(self) -> str:
        return f"TableBank({len(self.names)} tasks, {len(self.order)} rows)"

    def x(self, rows: np.ndarray) -> Tensor:
        """(*rows, d)"""
        return self.all_x[torch.from_numpy(self.order[rows])]

    def y(self, rows: np.ndarray) -> Tensor:
        return self.all_y[torch.from_numpy(self.order[rows])]

    def __len__(self) -> int:
        return len(self.names)


class Places(NamedTuple):
    """Of each usable task the classes that can be asked for, in columns 0 .. N-1.

    tasks: (U,) positions in the bank. classes: (U, C) class numbers, -1 behind the last (or where
    a class is absent, if classes are shared). many: (U,) how many there are.
    """

    tasks: np.ndarray
    classes: np.ndarray
    many: np.ndarray


@dataclass(frozen=True, kw_only=True)
class TableStream(Stream):
    """Episodes of a table's tasks, each as likely as another.

    Numbers and labels: `shots` support rows of a task and up to `queries` of its other rows.
    Classes: `shots` support rows of each of up to `ways` classes (fewer where no task has so many), and up to `ways * queries` of
    the other rows of these classes as often as they occur, so that an unbalanced task is judged
    as it is. No row is in both. Tasks with fewer rows or classes are padded (`mask`).

    x: (T, S, d), y: (T, S) or (T, S, out); `task` (T,) the task's number in the table, `classes`
    (T, N) class numbers, -1 where a task has fewer.
    """

    shots: int
    queries: int
    ways: int | None = None
    bank: TableBank = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = {"shots": self.shots, "queries": self.queries, "ways": self.ways}
        for rule, value in asked.items():
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(
                    f"{rule} of a table must be a whole number of at least 1, got {value}; a task "
                    "needs rows to learn from.",
                    f"表格任务的 {rule} 必须是不小于 1 的整数，收到 {value}；任务需要可供学习的样本。",
                )
        if self.ways is not None and self.ways < 2:
            raise InputError(
                f"ways must be at least 2, got {self.ways}; one class leaves nothing to tell apart.",
                f"ways 至少为 2，收到 {self.ways}；只有一个类别则无可区分。",
            )
        if self.ways is not None and len(self.bank) and (self.bank.counts > 0).sum(1).max() < 2:
            raise InputError(
                f"a task needs two classes to tell apart, but each of the {len(self.bank)} tasks of "
                f"{self.name} has one value of the target alone; name another --task or --target.",
                f"任务至少需要两个可区分的类别，但 {self.name} 的 {len(self.bank)} 个任务各自只有一个目标取值；"
                "请换一个 --task 或 --target。",
            )
        if not len(self.places.tasks):
            most = int(self.rows.max()) if len(self.bank) else 0
            raise InputError(
                f"{self.name} has no task with enough rows: {self.needs()[0]}, the largest of its "
                f"{len(self.bank)} tasks has {most} rows; lower --shots.",
                f"{self.name} 中没有足够大的任务：{self.needs()[1]}，{len(self.bank)} 个任务中最大的有 "
                f"{most} 行；请减小 --shots。",
            )
        if self.ways is not None:
            object.__setattr__(self, "ways", min(self.ways, self.most_ways))

    def needs(self) -> tuple[str, str]:
        """What makes a task usable, in words."""
        least = self.shots + 1
        if self.ways is None:
            return f"a task needs {least} rows", f"任务至少需要 {least} 行"
        return (
            f"a task needs 2 classes with {least} rows each",
            f"任务至少需要 2 个各有 {least} 行的类别",
        )

    @cached_property
    def rows(self) -> np.ndarray:
        """(tasks,) how many rows each has."""
        return self.bank.counts.sum(1)

    @cached_property
    def places(self) -> Places:
        enough = self.bank.counts > self.shots  # (tasks, classes)
        many = enough.sum(1)
        usable = np.flatnonzero(many >= (1 if self.ways is None else 2))
        enough, many = enough[usable], many[usable]
        numbers = np.where(enough, np.arange(enough.shape[1]), -1)
        if not self._keeps_positions:
            numbers = np.take_along_axis(numbers, np.argsort(~enough, 1, kind="stable"), 1)
            numbers = numbers[:, : int(many.max(initial=1))]
        return Places(usable, numbers, many)

    @property
    def most_ways(self) -> int:
        """The most positions that a task's classes take."""
        if self.bank.shared:
            return 1 + self._last_class
        return int(self.places.many.max(initial=0))

    @property
    def _last_class(self) -> int:
        present = (self.bank.counts > self.shots).any(0)
        return int(np.flatnonzero(present).max(initial=-1))

    @property
    def _keeps_positions(self) -> bool:
        return self.bank.shared and self.ways is not None and self.ways > self._last_class

    @property
    def unusable(self) -> list[str]:
        """The names of the tasks that are too small."""
        taken = set(self.places.tasks.tolist())
        return [name for t, name in enumerate(self.bank.names) if t not in taken]

    @property
    def class_count(self) -> int | None:
        """How many classes the table's meta-training tasks have altogether."""
        return len(self.bank.classes) or None

    @property
    def unit(self) -> str:
        return self.bank.unit

    @property
    def scale(self) -> float:
        return self.bank.scale

    def draw(self, draws: Draws) -> Episodes:
        usable = draws.choose(1, len(self.places.tasks))[:, 0]
        tasks = self.places.tasks[usable]  # (T,)
        classes = self._classes(draws, usable)  # (T, N), -1 where there is none
        there = classes >= 0
        at = (tasks[:, None], np.where(there, classes, 0))
        starts = self.bank.starts[at]  # (T, N)
        counts = np.where(there, self.bank.counts[at], 0)
        picks = draws.choose(self.shots, np.maximum(counts, self.shots))  # (T, N, K)
        left = np.where(there, counts - self.shots, 0)
        query, which = rest(draws, picks, left, min(self.queries * classes.shape[1], self._most))
        support = starts[..., None] + picks
        real = np.repeat(there, self.shots, 1)  # (T, N * K)
        positions = np.repeat(np.arange(classes.shape[1]), self.shots)
        sides = [
            self._side(
                support.reshape(len(draws), -1), real, np.broadcast_to(positions, real.shape)
            ),
            self._side(np.take_along_axis(starts, which, 1) + query, query >= 0, which),
        ]
        task = torch.from_numpy(self.bank.numbers[tasks])
        named = torch.from_numpy(classes) if self.ways is not None else None
        return Episodes(support=sides[0], query=sides[1], task=task, classes=named)

    @cached_property
    def _most(self) -> int:
        """The most rows that any task has left for queries."""
        counts = self.bank.counts[self.places.tasks]
        enough = counts > self.shots
        return int(np.where(enough, counts - self.shots, 0).sum(1).max())

    def _classes(self, draws: Draws, usable: np.ndarray) -> np.ndarray:
        """(T, N) which class stands at which position."""
        among = self.places.classes[usable]  # (T, C)
        if self.ways is None:
            return among[:, :1]
        if self._keeps_positions:
            return among[:, : self.ways]
        many = np.maximum(self.places.many[usable], self.ways)
        chosen = real_first(draws.choose(self.ways, many), self.places.many[usable])
        width = np.pad(among, ((0, 0), (0, max(0, self.ways - among.shape[1]))), constant_values=-1)
        return np.take_along_axis(width, np.minimum(chosen, width.shape[1] - 1), 1)

    def _side(self, rows: np.ndarray, real: np.ndarray, positions: np.ndarray) -> Examples:
        """Rows (T, R) of the bank as examples; those that are not real hold zeros."""
        mask = torch.from_numpy(np.ascontiguousarray(real))
        at = np.where(real, rows, 0)
        x = self.bank.x(at)
        y = torch.from_numpy(positions.astype(np.int64)) if self.ways else self.bank.y(at)
        if self._even:
            return Examples(x, y, ways=self.ways)
        x = torch.where(mask[..., None], x, 0.0)
        hidden = mask.view(*mask.shape, *[1] * (y.dim() - 2))
        return Examples(x, torch.where(hidden, y, torch.zeros_like(y)), mask=mask, ways=self.ways)

    @cached_property
    def _even(self) -> bool:
        """Whether no task ever needs padding."""
        ways = self.ways or 1
        counts = self.bank.counts[self.places.tasks]
        enough = counts > self.shots
        left = np.sort(np.where(enough, counts - self.shots, np.iinfo(np.int64).max), 1)[:, :ways]
        if enough.sum(1).min() < ways:
            return False
        return bool(left.sum(1).min() >= min(self.queries * ways, self._most))

    def describe(self, episodes: Episodes, t: int) -> str:
        """ "table/test task 'patient 7'" """
        if episodes.task is None:
            return super().describe(episodes, t)
        at = np.flatnonzero(self.bank.numbers == int(episodes.task[t]))
        return f"{self.name} task {self.bank.names[int(at[0])]!r}" if len(at) else self.name

    def summary(self) -> dict[str, Any]:
        """Counts for people, as JSON."""
        sizes = np.sort(self.rows)
        return {
            "tasks": len(self.bank),
            "rows": len(self.bank.order),
            "rows_per_task": [int(sizes[0]), int(sizes[-1])],
            "usable": len(self.places.tasks),
            "too_small": self.unusable,
        }


def real_first(picks: np.ndarray, many: np.ndarray) -> np.ndarray:
    """(T, N) those below `many` (T,) first, in their order: the others stand for nothing."""
    order = np.argsort(picks >= many[:, None], 1, kind="stable")
    return np.take_along_axis(picks, order, 1)


def rest(
    draws: Draws, picks: np.ndarray, left: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Up to `count` rows that are not among `picks` (T, N, K), whatever class they are of.

    left: (T, N) how many rows of each class are not picked. Answers (T, count) twice: the row's
    place within its class, -1 where a task has no more rows; and the position of its class.
    """
    total = left.sum(1)
    drawn = real_first(draws.choose(count, np.maximum(total, count)), total)
    real = drawn < total[:, None]
    drawn = np.where(real, drawn, 0)
    ends = left.cumsum(1)  # (T, N)
    which = np.minimum((drawn[..., None] >= ends[:, None]).sum(-1), left.shape[1] - 1)  # (T, count)
    place = drawn - np.take_along_axis(ends - left, which, 1)
    taken = np.sort(np.take_along_axis(picks, which[..., None], 1), -1)  # (T, count, K)
    for k in range(taken.shape[-1]):
        place = place + (place >= taken[..., k])
    return np.where(real, place, -1), which


def usable_facts(stream: TableStream) -> tuple[str, str] | None:
    """One sentence on the tasks that are too small, if there are any."""
    small = stream.unusable
    if not small:
        return None
    return (
        f"{len(small)} of {len(stream.bank)} tasks of {stream.name} are left out: "
        f"{stream.needs()[0]} ({listed(small, 5)}).",
        f"{stream.name} 的 {len(stream.bank)} 个任务中有 {len(small)} 个未使用：{stream.needs()[1]}"
        f"（{listed(small, 5)}）。",
    )
