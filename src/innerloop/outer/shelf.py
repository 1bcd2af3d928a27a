"""Named tensors in memory that processes share."""

from __future__ import annotations

import math
from multiprocessing.context import BaseContext

import torch
from torch import Tensor

from innerloop.errors import InnerloopError

ALIGNED = 64  # bytes


class Shelf:
    """A place for tensors of these names, shapes and types; what one process puts there another
    one takes. It is handed over when a process starts.

    >>> import multiprocessing
    >>> shelf = Shelf(multiprocessing.get_context(), {"w": torch.ones(2), "n": torch.tensor(3)})
    >>> shelf.put({"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(4)})
    >>> shelf.take()
    {'w': tensor([1., 2.]), 'n': tensor(4)}
    """

    def __init__(self, context: BaseContext, like: dict[str, Tensor]):
        self._places: dict[str, tuple[int, torch.Size, torch.dtype]] = {}
        size = 0
        for name, leaf in like.items():
            self._places[name] = (size, leaf.shape, leaf.dtype)
            size += math.ceil(leaf.numel() * leaf.element_size() / ALIGNED) * ALIGNED
        self._memory = context.RawArray("b", max(1, size))

    def put(self, tensors: dict[str, Tensor]) -> None:
        views = self.views()
        unlike = {n for n in views.keys() | tensors.keys() if not fits(views, tensors, n)}
        if unlike:
            raise InnerloopError(f"{min(unlike)} is not what it was in the first step.")
        for name, view in views.items():
            view.copy_(tensors[name])

    def take(self) -> dict[str, Tensor]:
        return {name: view.clone() for name, view in self.views().items()}

    def views(self) -> dict[str, Tensor]:
        """The tensors where they lie: they change when another process puts something there."""
        return {
            name: torch.frombuffer(
                self._memory, dtype=kind, count=shape.numel(), offset=start
            ).view(shape)
            if shape.numel()
            else torch.empty(shape, dtype=kind)
            for name, (start, shape, kind) in self._places.items()
        }


def fits(views: dict[str, Tensor], tensors: dict[str, Tensor], name: str) -> bool:
    if name not in views or name not in tensors:
        return False
    view, leaf = views[name], tensors[name]
    return view.shape == leaf.shape and view.dtype == leaf.dtype
