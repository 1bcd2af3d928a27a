"""Sentences of classes, as numbers; and episodes whose classes are all of one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from innerloop.episodes import Draws, most, spelt
from innerloop.errors import InputError
from innerloop.tasks.classes import ClassStream
from innerloop.tasks.text.features import Features, features


@dataclass(frozen=True, eq=False)
class TextBank:
    """Sentences class after class. groups: of each class, a domain or a language; "" for none."""

    texts: tuple[str, ...]
    rows: Features
    counts: tuple[int, ...]
    names: tuple[str, ...]
    unit: ClassVar[tuple[str, str]] = ("sentences", "个句子")

    @classmethod
    def of(cls, classes: Mapping[str, Sequence[str]], encoder: str) -> TextBank:
        """classes: {name, "group/class" or "class": its sentences}"""
        texts = tuple(text for held in classes.values() for text in held)
        counts = tuple(len(held) for held in classes.values())
        return cls(texts, features(encoder, texts), counts, tuple(classes))

    @cached_property
    def sizes(self) -> np.ndarray:
        return np.asarray(self.counts, dtype=np.int64)

    @cached_property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.sizes) - self.sizes

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(name.rpartition("/")[0] for name in self.names)

    def take(self, numbers: np.ndarray) -> Tensor:
        return self.rows.take(numbers)

    def summary(self) -> dict[str, Any]:
        groups = {}
        for name in dict.fromkeys(self.groups):
            sizes = [n for n, group in zip(self.counts, self.groups, strict=True) if group == name]
            groups[name] = {"classes": len(sizes), "sentences": sum(sizes)}
        facts: dict[str, Any] = {"classes": len(self.counts), "sentences": sum(self.counts)}
        return facts | ({"groups": groups} if len(groups) > 1 else {})


@dataclass(frozen=True, kw_only=True)
class GroupedStream(ClassStream):
    """Episodes whose classes are of one group each: a language, a customer.

    Every group with classes enough is as likely as another; its name is the task's kind.
    """

    bank: TextBank

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.of_group:
            raise InputError(
                f"a task of {spelt(self.ways)} ways needs a group with as many classes of shots + "
                f"queries sentences: none of {len(set(self.bank.groups))} in {self.name} has them; "
                "lower --ways, --shots or --queries.",
                f"{spelt(self.ways)} 类的任务需要一个分组中有同样多的、句子足够的类别：{self.name} 的 "
                f"{len(set(self.bank.groups))} 个分组都不够；请减小 --ways、--shots 或 --queries。",
            )

    @cached_property
    def of_group(self) -> dict[str, np.ndarray]:
        """{group: the numbers of its classes} where they are enough for a task."""
        groups = np.asarray(self.bank.groups)[self.fit]
        found = {name: self.fit[groups == name] for name in dict.fromkeys(groups.tolist())}
        return {name: held for name, held in found.items() if len(held) >= most(self.ways)}

    @property
    def kind_names(self) -> tuple[str, ...]:
        return tuple(self.of_group)

    def kinds(self, seed: int, numbers: np.ndarray) -> np.ndarray:
        return self._groups(Draws(seed, self.name, numbers))

    def _groups(self, draws: Draws) -> np.ndarray:
        """(T,) places in `kind_names`."""
        unit = draws.apart("group").unit(1)[:, 0]
        return (unit * len(self.of_group)).astype(np.int64)

    def choose(self, draws: Draws, ways: int) -> np.ndarray:
        held = list(self.of_group.values())
        groups = self._groups(draws)
        places = draws.choose(ways, np.array([len(held[g]) for g in groups]))  # (T, N)
        return np.stack([held[g][row] for g, row in zip(groups, places, strict=True)])
