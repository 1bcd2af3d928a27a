"""One image, of whatever format, mode and size, as uint8 pixels of one shape."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from innerloop.errors import InputError

Fit = Literal["stretch", "crop", "pad"]
FITS = get_args(Fit)
SUFFIXES = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".jp2",
        ".bmp",
        ".dib",
        ".gif",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".tga",
        ".ico",
        ".pcx",
    ]
)
GREY_MODES = ("1", "L", "LA", "La", "I", "F")
WHITE = 255


class Unreadable(Exception):
    """An image that cannot be decoded, and why."""


def open_image(path: str | PathLike[str] | Any) -> Image.Image:
    """The image of a file (or of bytes in a file object), decoded whole and turned upright."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata, and of very large images
            with Image.open(path) as opened:
                opened.load()
                return ImageOps.exif_transpose(opened)
    except UnidentifiedImageError:
        raise Unreadable("it is no image that can be read") from None
    except Image.DecompressionBombError:
        raise Unreadable("it has more pixels than an image should") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, ZeroDivisionError) as problem:
        reason = str(problem).strip() or type(problem).__name__
        raise Unreadable(reason.removesuffix(".")) from None


def eight_bits(image: Image.Image) -> Image.Image:
    """The same image in mode L or RGB; what is transparent shows white.

    16 bits are scaled to 8; 32-bit and floating pixels by their range (0..1, 0..255, 0..65535, or
    their largest value).
    """
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(scaled(np.asarray(image)))
    if image.mode in ("L", "RGB"):
        if "transparency" not in image.info:
            return image
        image = image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        grey = image.mode in ("LA", "La")
        whole = image.convert("RGBA")
        behind = Image.new("RGBA", whole.size, (WHITE, WHITE, WHITE, WHITE))
        return Image.alpha_composite(behind, whole).convert("L" if grey else "RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def scaled(values: np.ndarray) -> np.ndarray:
    """Numbers of more than 8 bits as uint8."""
    values = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    top = float(values.max(initial=0))
    whole = bool((values == np.round(values)).all())
    if top <= 1 and not whole:
        scale = 255.0
    elif top <= 255:
        scale = 1.0
    else:
        scale = 255 / (65535 if top <= 65535 else top)
    return np.clip(np.round(values * scale), 0, 255).astype(np.uint8)


def is_grey(image: Image.Image) -> bool:
    """Whether nothing in the image has a colour."""
    if image.mode in GREY_MODES or image.mode.startswith("I;"):
        return True
    pixels = np.asarray(eight_bits(image))
    if pixels.ndim == 2:
        return True
    return bool(
        (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    )


def pixels(image: Image.Image, *, channels: int, size: int, fit: str = "stretch") -> np.ndarray:
    """(channels, size, size) uint8 of an image of any mode and size.

    >>> pixels(Image.new("CMYK", (30, 20)), channels=3, size=8).shape
    (3, 8, 8)
    """
    image = eight_bits(image).convert("L" if channels == 1 else "RGB")
    square, how = (size, size), Image.Resampling.BILINEAR
    if image.size != square:
        if fit == "crop":
            image = ImageOps.fit(image, square, how)
        elif fit == "pad":
            image = ImageOps.pad(image, square, how)
        else:
            image = image.resize(square, how)
    grid = np.asarray(image)
    return grid[None] if grid.ndim == 2 else np.ascontiguousarray(grid.transpose(2, 0, 1))


def as_images(raw: Any) -> list[Image.Image]:
    """Many raw images as PIL images: a path, an array or an image, or a list of them.

    Arrays are uint8, or floating between 0 and 1: (H, W), (H, W, C), (C, H, W), or many of these.
    """
    if isinstance(raw, str | PathLike):
        try:
            return [open_image(Path(raw))]
        except Unreadable as problem:
            raise InputError(
                f"{str(raw)!r} cannot be read as an image: {problem}; give another file.",
                f"无法将 {str(raw)!r} 读作图像：{problem}；请换一个文件。",
            ) from None
    if isinstance(raw, Image.Image):
        return [ImageOps.exif_transpose(raw)]
    if isinstance(raw, list | tuple):
        return [image for one in raw for image in as_images(one)]
    array = raw.detach().cpu().numpy() if isinstance(raw, Tensor) else np.asarray(raw)
    if array.ndim == 4 or (array.ndim == 3 and channel_axis(array.shape) is None):
        return [one_image(each) for each in array]
    return [one_image(array)]


def one_image(array: np.ndarray) -> Image.Image:
    axis = channel_axis(array.shape)
    if (
        array.ndim not in (2, 3)
        or (array.ndim == 3 and axis is None)
        or array.dtype.kind not in "buif"
    ):
        raise InputError(
            "an image must be a path, a PIL image, or an array (H, W), (H, W, C) or (C, H, W) with "
            f"1, 3 or 4 channels, got shape {array.shape} of {array.dtype}; change it into one.",
            "图像应为路径、PIL 图像，或形状为 (H, W)、(H, W, C)、(C, H, W)、通道数为 1、3、4 的数组，"
            f"收到 {array.dtype} 类型、形状 {array.shape} 的数组；请先转换。",
        )
    if array.dtype != np.uint8:
        array = unit_range(array)
    if axis == 0 and array.ndim == 3:
        array = array.transpose(1, 2, 0)
    return Image.fromarray(
        np.ascontiguousarray(
            array[..., 0] if array.shape[-1:] == (1,) and array.ndim == 3 else array
        )
    )


def unit_range(array: np.ndarray) -> np.ndarray:
    """Numbers between 0 and 1 (or whole ones up to 255) as uint8."""
    values = array.astype(np.float64)
    whole = array.dtype.kind in "iu"
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not (np.isfinite(values).all() and low >= 0 and high <= (255 if whole else 1)):
        raise InputError(
            "pixels must be uint8, or floating point between 0 and 1, got numbers from "
            f"{low:.3g} to {high:.3g}; scale them.",
            f"像素应为 uint8，或 0 到 1 之间的浮点数，收到 {low:.3g} 到 {high:.3g}；请先缩放。",
        )
    return np.round(values if whole else values * 255).astype(np.uint8)


def channel_axis(shape: tuple[int, ...]) -> int | None:
    """Where an image array has its channels; None if it has none (or they cannot be told)."""
    if len(shape) != 3:
        return None
    if shape[-1] in (1, 3, 4):
        return 2
    return 0 if shape[0] in (1, 3, 4) else None
