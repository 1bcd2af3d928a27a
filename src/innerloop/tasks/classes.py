"""Episodes from classes of examples: N ways, K shots, and as many queries."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, Stream, ends, most, spelt
from innerloop.episodes.spans import drawn
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tree import Tree, tree_map


class Bank(Protocol):
    """Examples class after class; `take` reads those of the numbers asked for."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def sizes(self) -> np.ndarray:
        """(classes,) how many examples each has."""

    @property
    def starts(self) -> np.ndarray:
        """(classes,) the number of each class's first example."""

    def take(self, numbers: np.ndarray) -> Tree:
        """x (n, ...) of the examples of these numbers (n,)."""

    def summary(self) -> dict[str, Any]:
        """Counts for people, as JSON."""


@dataclass(frozen=True, kw_only=True)
class ClassStream(Stream):
    """Episodes of `ways` classes with `shots` and `queries` examples each, from a bank.

    x: (T, ways * shots, ...), class after class; y: (T, ways * shots). Which class stands at which
    position is random. `classes` (T, ways) are numbers in the bank.

    A range of ways or shots is drawn anew for every task, each number as likely as another. A
    range of queries is not drawn: a class gives as many as it has, at most the larger end. In a
    class that is too small for the shots drawn they give way, down to the range's lower end.
    small: what happens to classes without the least shots + queries: "refuse" is an error,
        "leave out" draws from the others and names the small ones in `notes`, and warns once.
    """

    bank: Bank = field(repr=False, compare=False)
    small: str = "refuse"

    def __post_init__(self) -> None:
        super().__post_init__()
        for rule in ("ways", "shots", "queries"):
            value = getattr(self, rule) or 0
            if ends(value)[0] < (least := 2 if rule == "ways" else 1):
                raise InputError(
                    f"{rule} must be at least {least}, got {spelt(value)}; a task needs classes to "
                    "tell apart, and examples of each.",
                    f"{rule} 至少为 {least}，收到 {spelt(value)}；任务需要可区分的类别，每类都要有样本。",
                )
        if most(self.ways) > len(self.bank.sizes):
            raise InputError(
                f"ways must not exceed the classes of a split: {self.name} has "
                f"{len(self.bank.sizes)} classes, got {spelt(self.ways)} ways; lower --ways.",
                f"每个任务的类别数不能超过数据划分的类别总数：{self.name} 有 "
                f"{len(self.bank.sizes)} 类，收到 {spelt(self.ways)}；请减小 --ways。",
            )
        if len(self.fit) < (most(self.ways) if self.small == "leave out" else len(self.bank.sizes)):
            raise self._too_small()
        for note in self.notes:
            warnings.warn(note, stacklevel=3)

    @cached_property
    def fit(self) -> np.ndarray:
        """The numbers of the classes that are large enough."""
        return np.flatnonzero(self.bank.sizes >= ends(self.shots)[0] + ends(self.queries)[0])

    @property
    def left_out(self) -> list[str]:
        """The names of the classes that are too small."""
        fit = set(self.fit.tolist())
        return [name for number, name in enumerate(self.bank.names) if number not in fit]

    @property
    def notes(self) -> tuple[str, ...]:
        names = self.left_out
        if not names:
            return ()
        first = ", ".join(repr(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")
        least = f"{ends(self.shots)[0]} + {ends(self.queries)[0]}"
        return (
            say(
                f"{self.name}: {len(names)} of {len(self.bank.sizes)} classes have fewer than "
                f"shots + queries = {least} examples and are left out ({first}); lower --shots or "
                "--queries to use them.",
                f"{self.name}：{len(self.bank.sizes)} 个类别中有 {len(names)} 个少于 shots + queries "
                f"= {least} 个样本，未被使用（{first}）；减小 --shots 或 --queries 即可使用。",
            ),
        )

    def _too_small(self) -> InputError:
        smallest = int(self.bank.sizes.argmin())
        name, size = self.bank.names[smallest], int(self.bank.sizes[smallest])
        shots, queries = ends(self.shots)[0], ends(self.queries)[0]
        remedy = "--queries" if shots < size else "--shots"
        unit, zh = getattr(self.bank, "unit", ("images", "张图像"))
        if self.small == "leave out":
            return InputError(
                f"a task of {spelt(self.ways)} ways needs as many classes with shots + queries "
                f"examples: {self.name} has {len(self.fit)} with {shots} + {queries} (the smallest, "
                f"{name!r}, has {size}); lower {remedy} or --ways.",
                f"{spelt(self.ways)} 类的任务需要同样多的、至少有 shots + queries 个样本的类别："
                f"{self.name} 只有 {len(self.fit)} 个类别有 {shots} + {queries} 个样本（最小的 "
                f"{name!r} 有 {size} 个）；请减小 {remedy} 或 --ways。",
            )
        return InputError(
            f"shots + queries must fit the smallest class: '{name}' has {size} {unit}, "
            f"got {shots} + {queries}; lower {remedy}.",
            f"shots + queries 不能超过最小类别的样本数：“{name}”有 {size} {zh}，"
            f"收到 {shots} + {queries}；请减小 {remedy}。",
        )

    @property
    def class_count(self) -> int:
        return len(self.bank.sizes)

    def draw(self, draws: Draws) -> Episodes:
        ways, shots = most(self.ways), most(self.shots)
        many, asked = (drawn(draws, span) for span in (self.ways or 0, self.shots))  # (T,), (T,)
        classes = self.choose(draws, ways)  # (T, N)
        sizes = self.bank.sizes[classes]
        picks = draws.choose(shots + most(self.queries), sizes)  # (T, N, K + Q/N)
        # a class gives the shots drawn, or what is left beside the fewest queries
        given = np.minimum(asked[:, None], sizes - ends(self.queries)[0])  # (T, N)
        asking = np.minimum(sizes - given, most(self.queries))
        there = np.arange(ways) < many[:, None]  # (T, N)
        sides = [
            self._side(picks, classes, first, np.where(there, count, 0), width)
            for first, count, width in (
                (np.zeros_like(given), given, shots),
                (given, asking, most(self.queries)),
            )
        ]
        return Episodes(
            support=sides[0],
            query=sides[1],
            task=torch.from_numpy(draws.episodes),
            classes=torch.from_numpy(np.where(there, classes, -1)),
        )

    def choose(self, draws: Draws, ways: int) -> np.ndarray:
        """(T, N) the numbers of each task's classes, in the order of their positions."""
        return self.fit[draws.choose(ways, len(self.fit))]

    def _side(
        self,
        picks: np.ndarray,
        classes: np.ndarray,
        first: np.ndarray,
        count: np.ndarray,
        width: int,
    ) -> Examples:
        """Of each class `count` (T, N) picks from the `first` on, in `width` places."""
        tasks, ways = classes.shape
        places = first[..., None] + np.arange(width)  # (T, N, width)
        real = np.arange(width) < count[..., None]
        chosen = np.take_along_axis(picks, np.minimum(places, picks.shape[-1] - 1), -1)
        numbers = np.where(real, self.bank.starts[classes][..., None] + chosen, 0)
        y = torch.arange(ways).repeat_interleave(width).repeat(tasks, 1)
        x = self.bank.take(numbers.reshape(-1))
        x = tree_map(lambda leaf: leaf.view(*y.shape, *leaf.shape[1:]), x)
        mask = None if self.is_even else torch.from_numpy(real.reshape(tasks, -1))
        return Examples(x, y, mask=mask, ways=ways)

    @cached_property
    def is_even(self) -> bool:
        """Whether all tasks have one shape, so that nothing is padded."""
        if isinstance(self.ways, tuple) or isinstance(self.shots, tuple):
            return False
        return bool(self.bank.sizes[self.fit].min() >= self.shots + most(self.queries))

    def describe(self, episodes: Episodes, t: int) -> str:
        """ "glyphs/test task 7: Armenian/ա, Georgian/ბ, ..." """
        name = super().describe(episodes, t)
        if episodes.classes is None:
            return name
        here = [int(c) for c in episodes.classes[t] if c >= 0]
        return f"{name}: " + ", ".join(self.bank.names[c] for c in here)
