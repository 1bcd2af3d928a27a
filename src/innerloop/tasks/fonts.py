"""The base letters of the scripts in the fonts that matplotlib carries, drawn as ink in a box."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

FAMILIES = ("DejaVuSans", "DejaVuSerif", "STIXGeneral")  # DejaVuSansMono begins like DejaVuSans
BOX, CANVAS = 40, 56  # pixels of a letter's longer side, and of the picture around it
EM, SMALLEST = 64, 0.4  # the size of the type in pixels; the least part of it that a letter takes
CHUNK = 1024  # letters varied at a time, which bounds memory


def font_files() -> list[Path]:
    """The faces: DejaVu Sans, Sans Mono, Serif and STIX, in every weight and style."""
    from matplotlib import get_data_path  # imports slowly: only who draws glyphs waits for it

    files = sorted(Path(get_data_path(), "fonts", "ttf").glob("*.ttf"))
    return [f for f in files if f.stem.startswith(FAMILIES) and "Display" not in f.stem]


def script_of(letter: str) -> str | None:
    """The script of a base letter, from its Unicode name; None for every other character.

    A base letter has no accent and is no ligature, joined form or small form of another.

    >>> [script_of(c) for c in ("A", "б", "ա", "É", "ﬁ", "7", "ɓ")]
    ['Latin', 'Cyrillic', 'Armenian', None, None, None, None]
    """
    name = unicodedata.name(letter, "")
    compound = any(word in name for word in (" WITH ", "LIGATURE", "DIGRAPH"))
    if not name or unicodedata.category(letter) not in ("Lu", "Ll", "Lo") or compound:
        return None
    if unicodedata.normalize("NFKD", letter) != letter:
        return None
    words = name.split()
    return " ".join(words[: 2 if words[0] in ("OLD", "CANADIAN") else 1]).title()


def letters(file: Path) -> dict[str, str]:
    """The base letters that a face has, each with its script, in the order of their code points."""
    from matplotlib.ft2font import FT2Font

    found = {chr(code): script_of(chr(code)) for code in sorted(FT2Font(str(file)).get_charmap())}
    return {letter: script for letter, script in found.items() if script}


def draw_all(file: Path, wanted: Iterable[str]) -> dict[str, Tensor]:
    """Each letter's ink in one face, (BOX, BOX) uint8: centred, its longer side the box's.

    Left out are signs so small that they would fill the box as a blot (a dot, an apostrophe).
    """
    font = ImageFont.truetype(str(file), EM)
    drawn = {letter: draw(font, letter) for letter in wanted}
    return {c: fill_box(ink) for c, ink in drawn.items() if max(ink.size) >= SMALLEST * EM}


def draw(font: ImageFont.FreeTypeFont, letter: str) -> Image.Image:
    """A letter's ink, cut out."""
    left, top, right, bottom = font.getbbox(letter)
    drawn = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))  # 2 around: no clipping
    ImageDraw.Draw(drawn).text((2 - left, 2 - top), letter, fill=255, font=font)
    return drawn.crop(drawn.getbbox())


def fill_box(ink: Image.Image) -> Tensor:
    scale = BOX / max(ink.size)
    width, height = (max(round(side * scale), 1) for side in ink.size)
    box = Image.new("L", (BOX, BOX))
    fitted = ink.resize((width, height), Image.Resampling.BICUBIC)
    box.paste(fitted, ((BOX - width) // 2, (BOX - height) // 2))
    return torch.from_numpy(np.array(box))


def vary(ink: Tensor, unit: Tensor, size: int) -> Tensor:
    """Letters as several hands would set them: turned, slanted, stretched, moved, thick or thin.

    ink (n, BOX, BOX) uint8, unit (n, 7) in [0, 1] -> (n, 1, size, size) uint8. At 0.5 a letter is
    upright and centred. Up to 12 degrees, slant 0.2, stretch 15 %, shift 6 %.
    """
    parts = zip(ink.split(CHUNK), unit.split(CHUNK), strict=True)
    return torch.cat([_vary(i, u, size) for i, u in parts])


def _vary(ink: Tensor, unit: Tensor, size: int) -> Tensor:
    turn, slant, wide, high, right, down, thick = (2 * unit - 1).unbind(1)  # (n,) in [-1, 1]
    cos, sin = (turn * math.radians(12)).cos(), (turn * math.radians(12)).sin()
    wide, high = (0.14 * wide).exp(), (0.14 * high).exp()
    slant = 0.2 * slant
    across = torch.stack([cos * wide, (slant * cos - sin) * wide, 0.12 * right], 1)
    along = torch.stack([sin * high, (slant * sin + cos) * high, 0.12 * down], 1)
    grid = F.affine_grid(
        torch.stack([across, along], 1), [len(ink), 1, CANVAS, CANVAS], align_corners=False
    )
    margin = (CANVAS - BOX) // 2
    x = F.pad(ink[:, None].to(torch.float32) / 255, (margin,) * 4)
    x = F.grid_sample(x, grid, align_corners=False)  # (n, 1, CANVAS, CANVAS)
    sign = torch.where(thick < 0, -1.0, 1.0)[:, None, None, None]  # thin ink is thick background
    swollen = sign * F.max_pool2d(sign * x, 3, 1, 1)
    amount = torch.where(thick < 0, -0.5 * thick, 0.7 * thick)[:, None, None, None]
    x = x + amount * (swollen - x)
    shrinks = size < CANVAS
    x = F.interpolate(x, (size, size), mode="bilinear", align_corners=False, antialias=shrinks)
    return x.clamp(0, 1).mul(255).round().to(torch.uint8)
