"""Images as functions: from some of its pixels, the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Draws, Span
from innerloop.errors import InputError
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.digits import digits
from innerloop.tasks.glyphs import glyphs
from innerloop.tasks.images import ImageBank
from innerloop.tasks.omniglot import omniglot
from innerloop.tasks.rows import RowStream

SOURCES: dict[str, Callable[..., Tasks]] = {
    "glyphs": glyphs,
    "digits": digits,
    "omniglot": omniglot,
}


@dataclass(frozen=True, kw_only=True)
class CompletionStream(RowStream):
    """Tasks that are one image each: the position of a pixel is x, how much ink is there is y."""

    bank: ImageBank = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        height, width = self.bank.shape[1:]
        if self.most_rows > height * width:
            raise InputError(
                f"shots + queries must fit the pixels of an image, {height} x {width} = "
                f"{height * width}, got {self.most_rows}; lower --shots or --queries, or raise "
                "--size.",
                f"shots + queries 不能超过图像的像素数 {height} × {width} = {height * width}，"
                f"收到 {self.most_rows}；请减小 --shots 或 --queries，或增大 --size。",
            )

    @property
    def kind_names(self) -> tuple[str, ...]:
        """The scripts or alphabets; where there is one alone, the classes."""
        return tuple(dict.fromkeys(self._kind_of_class))

    @property
    def _kind_of_class(self) -> tuple[str, ...]:
        return self.bank.groups if len(set(self.bank.groups)) > 1 else self.bank.names

    def kinds(self, seed: int, numbers: np.ndarray) -> np.ndarray:
        place = {name: number for number, name in enumerate(self.kind_names)}
        of_class = np.array([place[name] for name in self._kind_of_class])
        return of_class[self._classes(Draws(seed, self.name, numbers))]

    def _classes(self, draws: Draws) -> np.ndarray:
        """(T,) each class as likely as another; the first of a task's random numbers."""
        return (draws.unit(1)[:, 0] * len(self.bank)).astype(np.int64)

    def make(self, draws: Draws, rows: int) -> tuple[Tensor, Tensor]:
        classes = self._classes(draws)
        within = (draws.unit(1)[:, 0] * self.bank.sizes[classes]).astype(np.int64)
        images = self.bank.take(self.bank.starts[classes] + within)  # (T, C, H, W)
        places = grid(*images.shape[2:])  # (H W, 2)
        order = draws.unit(len(places)).argsort(1)[:, :rows]  # (T, rows) different pixels
        chosen = torch.from_numpy(order)
        ink = images.flatten(2).mT  # (T, H W, C)
        return places[chosen], ink.gather(1, chosen[..., None].expand(-1, -1, ink.shape[-1]))


def grid(height: int, width: int) -> Tensor:
    """(H W, 2) where the pixels lie, row by row: (down, right), each from -1 to 1.

    >>> grid(2, 3).tolist()
    [[-1.0, -1.0], [-1.0, 0.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    down, right = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return torch.cartesian_prod(down, right)


@checked()
def completion(
    *,
    images: Literal["glyphs", "digits", "omniglot"] = "glyphs",
    shots: Span = (5, 100),
    queries: Span = 100,
    size: int = 28,
    block: int = 16,
) -> Tasks:
    """Images to be completed from a few of their pixels (Garnelo et al. 2018, arXiv:1807.01613).

    A task is one image; x is the position of a pixel, (down, right) from -1 to 1, and y its ink, 0
    to 1. Support and query are different pixels, all equally likely. Each class is as likely as
    another, and so is each image of a class.

    images: where they come from. Classes of one split are in no other, but "digits" has the same
        images in all three: to be trained on glyphs and judged on digits.
    block: so many consecutive tasks have equal numbers of shots, and batches within it no padding.

    `stream.kinds(seed, numbers)` says of which script, alphabet or digit each image is.

    >>> tasks = completion(images="digits", shots=20)
    >>> batch = tasks.test.sample(tasks=3)
    >>> batch.support.x.shape, batch.query.y.shape
    (torch.Size([3, 20, 2]), torch.Size([3, 100, 1]))
    """
    source = SOURCES[images](size=size)
    own: dict[str, Any] = {"shots": shots, "queries": queries, "block": block}
    streams: dict[str, Any] = {
        split: CompletionStream(
            name=f"completion/{split}",
            bank=source.split(split).bank,  # type: ignore[attr-defined]
            **own,
        )
        for split in SPLITS
    }
    settings = {"images": images, **own, "size": size}
    return Tasks("completion", "regression", **streams, settings=settings, input_shape=(2,))
