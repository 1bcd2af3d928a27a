"""Images by class in one tensor, and episodes drawn from it by indexing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.episodes import Span
from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.classes import ClassStream
from innerloop.tasks.inputs import Inputs


@dataclass(frozen=True, eq=False)
class ImageBank:
    """The images of many classes, class after class.

    images: (M, C, H, W) uint8, ink 255 on background 0.
    counts: how many images each class has, in order; classes may be uneven.
    names, groups: per class its name ("Korean/07") and its script or alphabet ("Korean").
    notes: further facts per group, for people ({"Korean": {"faces": 4}}).
    order: where `images` hold more than these classes, or in another order: the row of each image
        (M,). So banks of several splits share one tensor, which may be a file mapped to memory.

    >>> bank = ImageBank(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), (2, 3), ("a", "b"), ("x", "x"))
    >>> len(bank), bank.select([1]).names, len(bank.with_rotations())
    (2, ('b',), 8)
    """

    images: Tensor
    counts: tuple[int, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]
    notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    order: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not sum(self.counts) == self.image_count or not (
            len(self.counts) == len(self.names) == len(self.groups)
        ):
            raise InputError(
                f"a bank needs a count, a name and a group per class: got {self.image_count} images "
                f"for counts that sum to {sum(self.counts)}, {len(self.counts)} counts, "
                f"{len(self.names)} names, {len(self.groups)} groups; give each class one of all three.",
                f"每个类别需要数量、名称和分组：有 {self.image_count} 张图像，数量之和为 "
                f"{sum(self.counts)}，数量 {len(self.counts)} 个，名称 {len(self.names)} 个，"
                f"分组 {len(self.groups)} 个；请为每个类别各给一项。",
            )

    def __repr__(self) -> str:
        return f"ImageBank({len(self)} classes, {self.image_count} images {self.shape})"

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def sizes(self) -> np.ndarray:
        return np.asarray(self.counts, dtype=np.int64)  # (classes,)

    @cached_property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.sizes) - self.sizes  # (classes,): the row of each class's first image

    @property
    def image_count(self) -> int:
        return len(self.images) if self.order is None else len(self.order)

    @property
    def shape(self) -> tuple[int, ...]:
        """(channels, height, width)"""
        return tuple(self.images.shape[1:])

    def of(self, number: int) -> Tensor:
        """The images (n, C, H, W) of one class."""
        start = int(self.starts[number])
        part = slice(start, start + self.counts[number])
        return self.images[part if self.order is None else torch.from_numpy(self.order[part])]

    def take(self, numbers: np.ndarray) -> Tensor:
        """(n, C, H, W) float32 in [0, 1] of the images of these numbers (n,)."""
        rows = numbers if self.order is None else self.order[numbers]
        return self.images.index_select(0, torch.from_numpy(rows)) / 255

    def select(self, classes: Sequence[int]) -> ImageBank:
        """The bank of these classes, in this order."""
        names, groups = ([field[c] for c in classes] for field in (self.names, self.groups))
        counts = tuple(self.counts[c] for c in classes)
        notes = {group: note for group, note in self.notes.items() if group in groups}
        facts = counts, tuple(names), tuple(groups), notes
        if self.order is None:
            images = torch.cat([self.of(c) for c in classes]) if len(classes) else self.images[:0]
            return ImageBank(images, *facts)
        parts = [self.order[self.starts[c] : self.starts[c] + self.counts[c]] for c in classes]
        order = np.concatenate(parts) if parts else self.order[:0]
        return ImageBank(self.images, *facts, order)

    def with_rotations(self) -> ImageBank:
        """Four times the classes: upright ones first, then all turned by 90, 180, 270 degrees."""
        upright = self.images if self.order is None else self.images[torch.from_numpy(self.order)]
        turned = [upright.rot90(quarter, (-2, -1)) for quarter in range(4)]
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
        return {"classes": len(self), "images": self.image_count, "groups": groups}


@dataclass(frozen=True, kw_only=True)
class ImageStream(ClassStream):
    """Episodes of images from a bank: x (T, ways * shots, C, H, W) float32 in [0, 1]."""

    bank: ImageBank = field(repr=False, compare=False)


def image_tasks(
    name: str,
    banks: Mapping[str, ImageBank],
    *,
    ways: Span,
    shots: Span,
    queries: Span,
    small: str = "refuse",
    inputs: Inputs | None = None,
    remarks: tuple[str, ...] = (),
    **settings: Any,
) -> Tasks:
    """The family whose splits draw from these banks; `settings` are the family's own."""
    streams: dict[str, Any] = {
        split: ImageStream(
            name=f"{name}/{split}",
            ways=ways,
            shots=shots,
            queries=queries,
            bank=banks[split],
            small=small,
        )
        for split in SPLITS
    }
    settings = {"ways": ways, "shots": shots, "queries": queries, **settings}
    shape = banks["train"].shape
    return Tasks(
        name,
        "classification",
        **streams,
        settings=settings,
        input_shape=shape,
        inputs=inputs,
        remarks=remarks,
    )


def check_size(size: int) -> None:
    """Networks halve images, so their side is even."""
    if not isinstance(size, int) or not 4 <= size <= 10_000 or size % 2:
        raise InputError(
            f"size must be an even number of 4 to 10,000 pixels, got {size!r}; try 28 or 84.",
            f"size 应为4 到 10,000 的偶数像素，收到 {size!r}；可试 28 或 84。",
        )
