"""Omniglot: handwritten characters of 50 alphabets (Lake et al. 2015, doi:10.1126/science.aab3050)."""

from __future__ import annotations

import hashlib
import io
import json
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from innerloop.arguments import checked
from innerloop.episodes import Span
from innerloop.errors import InputError, not_one_of
from innerloop.tasks.archives import content_digest, members, quick_key
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.cache import progress
from innerloop.tasks.data import data_set, locate
from innerloop.tasks.images import check_size
from innerloop.tasks.images.bank import ImageBank, image_tasks
from innerloop.tasks.images.cached import cached_bank

RESIZING = 1  # raise when the same drawings give other images, so that no cache outlives a change


@checked()
def omniglot(
    *,
    ways: Span = 5,
    shots: Span = 1,
    queries: Span = 15,
    split: str = "vinyals",
    rotations: bool = True,
    rotated_test: bool = False,
    size: int = 28,
) -> Tasks:
    """1,623 handwritten characters, each drawn by 20 people; x: (1, size, size), ink 1.

    split: "vinyals" has 1,028 / 172 / 423 characters to train, validate and test (after Vinyals et
        al. 2016, arXiv:1606.04080; one alphabet, Gurmukhi, is cut between train and test).
        "background" is Lake's division, 792 / 172 / 659, where no alphabet is in two splits.
    rotations: characters turned by 90, 180 and 270 degrees are further meta-training classes.
    rotated_test: they are in validation and test too, as in several papers, which is easier.

    The drawings are read from the data root (`innerloop data fetch omniglot`) and resized once.
    """
    lists = json.loads((files("innerloop.tasks") / "splits" / "omniglot.json").read_text("utf-8"))
    known = [name for name, value in lists.items() if isinstance(value, dict)]
    if split not in known:
        raise not_one_of("Omniglot: split", known, split)
    check_size(size)
    everything = omniglot_bank(size)
    number = {name: i for i, name in enumerate(everything.names)}
    banks = {}
    for part in SPLITS:
        ranges = lists[split][part].items()
        names = [f"{a}/{c:02d}" for a, (first, last) in ranges for c in range(first, last + 1)]
        bank = everything.select([number[name] for name in names])
        turned = rotations if part == "train" else rotated_test
        banks[part] = bank.with_rotations() if turned else bank
    settings: dict[str, Any] = {
        "split": split,
        "rotations": rotations,
        "rotated_test": rotated_test,
        "size": size,
    }
    return image_tasks("omniglot", banks, ways=ways, shots=shots, queries=queries, **settings)


def omniglot_bank(size: int) -> ImageBank:
    """All 1,623 classes, from the cache where these very drawings were resized before."""
    paths = locate("omniglot")
    key = hashlib.sha256(" ".join([str(RESIZING), *map(quick_key, paths)]).encode()).hexdigest()
    return cached_bank(f"omniglot-{size}-{key[:16]}", lambda: read_bank(paths, size))


def read_bank(paths: list[Path], size: int) -> ImageBank:
    published = data_set("omniglot")
    drawings: list[tuple[str, bytes]] = []
    for path, digest in zip(paths, published.archives.values(), strict=True):
        found = list(members(path))
        if content_digest(found) != digest:
            raise InputError(
                f"{path} must hold Omniglot's images as published, but its {len(found)} images "
                f"differ from them; delete it and run `innerloop data fetch omniglot`.",
                f"{path} 应包含官方发布的 Omniglot 图像，但其中 {len(found)} 张图像与之不符；"
                "请删除后运行 `innerloop data fetch omniglot`。",
            )
        drawings += found
    bar = progress(drawings, "resizing omniglot", len(drawings))
    images = torch.from_numpy(np.stack([resized(png, size) for _, png in bar]))[:, None]
    classes = [
        (alphabet, character, len(list(group)))
        for (alphabet, character), group in groupby(drawings, key=lambda d: d[0].split("/")[1:3])
    ]
    return ImageBank(
        images,
        tuple(count for _, _, count in classes),
        tuple(
            f"{alphabet}/{character.removeprefix('character')}"
            for alphabet, character, _ in classes
        ),
        tuple(alphabet for alphabet, _, _ in classes),
    )


def resized(png: bytes, size: int) -> np.ndarray:
    """(size, size) uint8, ink 255: black on white 105x105 turned round and averaged down."""
    drawing = Image.open(io.BytesIO(png), formats=("PNG",)).convert("L")
    return 255 - np.asarray(drawing.resize((size, size), Image.Resampling.BILINEAR))
