"""A user's images (files, PIL images, arrays) as the x that a learner was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from innerloop.tasks.images.pixels import as_images, pixels
from innerloop.tasks.inputs import INPUTS


@dataclass(frozen=True)
class ImageInputs:
    """Raw images -> x (rows, channels, size, size) float32 in [0, 1].

    raw: a path, a PIL image, an array, or a list of them; any format, mode and size.

    >>> raw = torch.zeros(2, 40, 50, dtype=torch.uint8)
    >>> ImageInputs(channels=1, size=28).x(raw).shape
    torch.Size([2, 1, 28, 28])
    """

    channels: int
    size: int
    fit: str = "stretch"

    name: ClassVar[str] = "images"

    @property
    def settings(self) -> dict[str, Any]:
        return {"channels": self.channels, "size": self.size, "fit": self.fit}

    def x(self, raw: Any) -> Tensor:
        how: dict[str, Any] = self.settings
        rows = [torch.from_numpy(pixels(image, **how).copy()) for image in as_images(raw)]
        shape = (self.channels, self.size, self.size)
        return torch.stack(rows) / 255 if rows else torch.zeros(0, *shape)

    def answers(self, outputs: Tensor) -> Tensor:
        return outputs

    def targets(self, raw: Tensor) -> Tensor:
        return raw


INPUTS[ImageInputs.name] = ImageInputs
