"""Image files for learners of written characters: grey, square, ink 1 on background 0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from innerloop.errors import InputError
from innerloop.tasks import Tasks
from innerloop.tasks.inputs import INPUTS, Inputs

FAMILIES = ("glyphs", "omniglot", "digits")


@dataclass(frozen=True)
class Drawings:
    """Files or PIL images of a character -> x (rows, 1, size, size).

    What differs from the border is taken for ink: an image with a light border is turned round,
    dark ink on paper and chalk on a board read alike. Others are padded to a square with their
    border's grey and resized.
    """

    size: int
    name: ClassVar[str] = "drawings"

    @property
    def settings(self) -> dict[str, Any]:
        return {"size": self.size}

    def x(self, raw: Any) -> Tensor:
        images = [self.one(image) for image in raw]
        return torch.from_numpy(np.array(images).reshape(-1, 1, self.size, self.size))

    def one(self, raw: Any) -> np.ndarray:
        """(1, size, size) float32 in [0, 1], ink 1."""
        grey = as_grey(raw)
        paper = border(np.asarray(grey))
        side = max(grey.size)
        square = ImageOps.pad(grey, (side, side), color=paper)
        small = np.asarray(square.resize((self.size, self.size), Image.Resampling.BILINEAR))
        ink = 255 - small if paper > 127 else small
        return (ink.astype(np.float32) / 255)[None]

    def answers(self, outputs: Tensor) -> Tensor:
        return outputs

    def targets(self, raw: Tensor) -> Tensor:
        return raw


def as_grey(raw: Any) -> Image.Image:
    """An opened image, transparent parts white."""
    try:
        image = raw if isinstance(raw, Image.Image) else Image.open(raw)
        image = ImageOps.exif_transpose(image)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("L")
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, AttributeError) as error:
        what = repr(str(raw)) if isinstance(raw, str | Path) else f"a {type(raw).__name__}"
        raise InputError(
            f"{what} cannot be read as an image; give a PNG or JPEG file, or a PIL image.",
            f"{what} 无法作为图像读取；请给出 PNG 或 JPEG 文件，或 PIL 图像。",
        ) from error


def border(grey: np.ndarray) -> int:
    """The middle grey of the outermost pixels: paper, or blackboard."""
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return int(np.median(edges))


INPUTS["drawings"] = Drawings


def inputs_of(tasks: Tasks | None) -> Inputs | None:
    """How raw input becomes x for these tasks; the built-in characters read image files."""
    if tasks is None:
        return None
    reads_files = tasks.inputs is None and tasks.name in FAMILIES
    return Drawings(tasks.input_shape[-1]) if reads_files else tasks.inputs
