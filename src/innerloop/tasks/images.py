"""Images by class in one tensor, and episodes drawn from it by indexing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Episodes, Examples
from innerloop.episodes import Draws, Stream
from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS, Tasks


@dataclass(frozen=True, eq=False)
class ImageBank:
    """The images of many classes, class after class.

    images: (M, C, H, W) uint8, ink 255 on background 0.
    counts: how many images each class has, in order; classes may be uneven.
    names, groups: per class its name ("Korean/07") and its script or alphabet ("Korean").
    notes: further facts per group, for people ({"Korean": {"faces": 4}}).

    >>> bank = ImageBank(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), (2, 3), ("a", "b"), ("x", "x"))
    >>> len(bank), bank.select([1]).names, len(bank.with_rotations())
    (2, ('b',), 8)
    """

    images: Tensor
    counts: tuple[int, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not sum(self.counts) == len(self.images) or not (
            len(self.counts) == len(self.names) == len(self.groups)
        ):
            raise InputError(
                f"a bank needs a count, a name and a group per class: got {len(self.images)} images "
                f"for counts that sum to {sum(self.counts)}, {len(self.counts)} counts, "
                f"{len(self.names)} names, {len(self.groups)} groups.",
                f"每个类别需要数量、名称和分组：有 {len(self.images)} 张图像，数量之和为 "
                f"{sum(self.counts)}，数量 {len(self.counts)} 个，名称 {len(self.names)} 个，"
                f"分组 {len(self.groups)} 个。",
            )

    def __repr__(self) -> str:
        return f"ImageBank({len(self)} classes, {len(self.images)} images {self.shape})"

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def sizes(self) -> np.ndarray:
        return np.asarray(self.counts, dtype=np.int64)  # (classes,)

    @cached_property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.sizes) - self.sizes  # (classes,): the row of each class's first image

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width)"""
        return tuple(self.images.shape[1:])

    def of(self, number: int) -> Tensor:
        """The images (n, C, H, W) of one class."""
        start = int(self.starts[number])
        return self.images[start : start + self.counts[number]]

    def select(self, classes: Sequence[int]) -> ImageBank:
        """The bank of these classes, in this order."""
        names, groups = ([field[c] for c in classes] for field in (self.names, self.groups))
        images = torch.cat([self.of(c) for c in classes]) if len(classes) else self.images[:0]
        counts = tuple(self.counts[c] for c in classes)
        notes = {group: note for group, note in self.notes.items() if group in groups}
        return ImageBank(images, counts, tuple(names), tuple(groups), notes)

    def with_rotations(self) -> ImageBank:
        """Four times the classes: upright ones first, then all turned by 90, 180, 270 degrees."""
        turned = [self.images.rot90(quarter, (-2, -1)) for quarter in range(4)]
        names = [f"{name} {90 * q}°" if q else name for q in range(4) for name in self.names]
        return ImageBank(
            torch.cat(turned), self.counts * 4, tuple(names), self.groups * 4, self.notes
        )

    def summary(self) -> dict[str, Any]:
        """Counts for people, as JSON: {"classes", "images", "groups": {name: {...}}}."""
        groups = {
            group: {"classes": 0, "images": 0, **self.notes.get(group, {})}
            for group in dict.fromkeys(self.groups)
        }
        for group, count in zip(self.groups, self.counts, strict=True):
            groups[group]["classes"] += 1
            groups[group]["images"] += count
        return {"classes": len(self), "images": len(self.images), "groups": groups}


@dataclass(frozen=True, kw_only=True)
class ImageStream(Stream):
    """Episodes of `ways` classes with `shots` and `queries` images each, from a bank.

    x: (T, ways * shots, C, H, W) float32 in [0, 1], ink 1, class after class; y: (T, ways * shots).
    Which class stands at which position is random. `classes` (T, ways) are numbers in the bank.
    """

    bank: ImageBank = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        ways = self.ways or 0
        for rule, value in (("ways", ways), ("shots", self.shots), ("queries", self.queries)):
            if value < 1:
                raise InputError(
                    f"{rule} must be at least 1, got {value}; a task needs classes and images.",
                    f"{rule} 至少为 1，收到 {value}；任务需要类别和图像。",
                )
        if ways > len(self.bank):
            raise InputError(
                f"ways must not exceed the classes of a split: {self.name} has {len(self.bank)} "
                f"classes, got {ways} ways; lower --ways.",
                f"每个任务的类别数不能超过数据划分的类别总数：{self.name} 有 {len(self.bank)} 类，"
                f"收到 {ways}；请减小 --ways。",
            )
        smallest = int(self.bank.sizes.argmin())
        name, size = self.bank.names[smallest], self.bank.counts[smallest]
        if self.shots + self.queries > size:
            remedy = "--queries" if self.shots < size else "--shots"
            raise InputError(
                f"shots + queries must fit the smallest class: '{name}' has {size} images, "
                f"got {self.shots} + {self.queries}; lower {remedy}.",
                f"shots + queries 不能超过最小类别的图像数：“{name}”有 {size} 张图像，"
                f"收到 {self.shots} + {self.queries}；请减小 {remedy}。",
            )

    @property
    def class_count(self) -> int:
        return len(self.bank)

    def draw(self, draws: Draws) -> Episodes:
        assert self.ways is not None
        bank, tasks, ways = self.bank, len(draws), self.ways
        classes = draws.choose(ways, len(bank))  # (T, N)
        picks = draws.choose(self.shots + self.queries, bank.sizes[classes])  # (T, N, K + Q/N)
        rows = torch.from_numpy(bank.starts[classes][..., None] + picks)
        sides = []
        for side in (rows[..., : self.shots], rows[..., self.shots :]):
            x = bank.images.index_select(0, side.flatten()) / 255  # float32
            y = torch.arange(ways).repeat_interleave(side.shape[-1]).repeat(tasks, 1)
            sides.append(Examples(x.view(*y.shape, *bank.shape), y, ways=ways))
        return Episodes(
            support=sides[0],
            query=sides[1],
            task=torch.from_numpy(draws.episodes),
            classes=torch.from_numpy(classes),
        )

    def describe(self, episodes: Episodes, t: int) -> str:
        """ "glyphs/test task 7: Armenian/ա, Georgian/ბ, ..." """
        name = super().describe(episodes, t)
        if episodes.classes is None:
            return name
        return f"{name}: " + ", ".join(self.bank.names[int(c)] for c in episodes.classes[t])


def image_tasks(
    name: str,
    banks: Mapping[str, ImageBank],
    *,
    ways: int,
    shots: int,
    queries: int,
    **settings: Any,
) -> Tasks:
    """The family whose splits draw from these banks; `settings` are the family's own."""
    streams: dict[str, Any] = {
        split: ImageStream(
            name=f"{name}/{split}", ways=ways, shots=shots, queries=queries, bank=banks[split]
        )
        for split in SPLITS
    }
    settings = {"ways": ways, "shots": shots, "queries": queries, **settings}
    shape = banks["train"].shape
    return Tasks(name, "classification", **streams, settings=settings, input_shape=shape)
