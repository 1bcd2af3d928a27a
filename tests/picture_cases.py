"""Folders of small pictures, made for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (20, 16), mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(seed)
    colour = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    return colour if mode == "RGB" else colour.convert(mode)


def folder(root: Path, classes: dict[str, int], *, mode: str = "RGB", suffix: str = ".png") -> Path:
    """{class: how many images}; every image is another."""
    seed = 0
    for name, count in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            seed += 1
            picture(seed, mode=mode).save(root / name / f"{n:03d}{suffix}")
    return root


def many(count: int, images: int = 6, prefix: str = "c") -> dict[str, int]:
    return {f"{prefix}{n:02d}": images for n in range(count)}
