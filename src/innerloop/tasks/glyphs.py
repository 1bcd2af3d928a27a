"""Letters of many scripts, drawn with fonts that are already installed: no download."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import PIL
import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.arguments import checked
from innerloop.episodes import Draws, Span
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.cache import progress
from innerloop.tasks.fonts import draw_all, font_files, letters, vary
from innerloop.tasks.images import check_size
from innerloop.tasks.images.bank import ImageBank, image_tasks
from innerloop.tasks.images.cached import cached_bank

SCRIPTS = {
    # Related scripts stay together: Old Italic and Coptic come from Greek letters, Lisu turns
    # Latin ones. Armenian and Georgian, whose letters resemble each other, are both for testing.
    "train": (
        "Latin", "Greek", "Cyrillic", "Coptic", "Old Italic", "Lisu", "Canadian Syllabics", "Arabic",
    ),
    "validation": ("Hebrew", "Tifinagh", "Ogham"),
    "test": ("Armenian", "Georgian", "Lao", "Nko"),
}  # fmt: skip
ALIKE = 0.95  # correlation from which two drawings in one face count as one letter
HELD_OUT_ALIKE = 0.9  # stricter for what must be new to a learner
LEAST = 20  # images per class: a letter found in two faces is varied ten times in each
DRAWING = 1  # raise when the same fonts give other images, so that no cache outlives a change

Glyph = tuple[str, int]  # a letter, and how many quarters it is turned
Drawings = dict[Glyph, Tensor]  # (BOX, BOX) uint8 each, in one face


@checked()
def glyphs(
    *, ways: Span = 5, shots: Span = 1, queries: Span = 5, size: int = 28, rotations: bool = True
) -> Tasks:
    """Letters of 15 scripts as DejaVu and STIX draw them; scripts of one split are in no other.

    A class is a letter; its images are its drawings in the faces that have it (2 to 16), each
    slightly turned, slanted, stretched, moved, thickened or thinned. Letters that look alike in
    any face, in any split, are one class. There are no digits.

    x: (1, size, size), ink 1. rotations: letters turned by 90, 180 and 270 degrees are further
    classes of meta-training, unless they look like an upright one (N upside down).

    >>> tasks = glyphs(ways=5, shots=1)
    >>> tasks.test.sample(tasks=2).support.x.shape
    torch.Size([2, 5, 1, 28, 28])
    """
    check_size(size)
    everything = cached_bank(f"glyphs-{size}-{_fingerprint()}", lambda: glyph_bank(size))
    labels = [*zip(everything.names, everything.groups, strict=True)]
    chosen = [rotations or not name.endswith("°") for name, _ in labels]
    banks = {
        split: everything.select(
            [c for c, (_, script) in enumerate(labels) if chosen[c] and script in SCRIPTS[split]]
        )
        for split in SPLITS
    }
    settings: dict[str, Any] = {"size": size, "rotations": rotations}
    return image_tasks("glyphs", banks, ways=ways, shots=shots, queries=queries, **settings)


def _fingerprint() -> str:
    digest = hashlib.sha256(f"{DRAWING} {PIL.__version__}".encode())
    for file in font_files():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def glyph_bank(size: int) -> ImageBank:
    """All classes of all splits, script by script, the turned ones of meta-training last."""
    split_of = {script: split for split in SPLITS for script in SCRIPTS[split]}
    script_of: dict[str, str] = {}
    drawn: dict[str, Drawings] = {}
    for file in progress(font_files(), "drawing glyphs"):
        here = {c: script for c, script in letters(file).items() if script in split_of}
        drawn[file.stem] = {(c, 0): ink for c, ink in draw_all(file, here).items()}
        script_of |= {c: here[c] for c, _ in drawn[file.stem]}

    order = list(split_of)
    upright = sorted(((c, 0) for c in script_of), key=lambda g: (order.index(script_of[g[0]]), g))
    learnt = [g for g in upright if split_of[script_of[g[0]]] == "train"]
    learnt = distinct(drawn, learnt, held_out=set())
    turned = [(c, quarter) for quarter in (1, 2, 3) for c, _ in learnt]
    for inks in drawn.values():
        inks |= {(c, q): inks[c, 0].rot90(q) for c, q in turned if (c, 0) in inks}
    # Held-out letters come last, so those that look like a training letter, turned or not, go.
    held_out = [g for g in upright if split_of[script_of[g[0]]] != "train"]
    kept = distinct(drawn, [*learnt, *turned, *held_out], held_out=set(held_out))
    kept = sorted(kept, key=lambda g: g[1])

    images = class_images(drawn, kept, size)
    return ImageBank(
        torch.cat([images[g] for g in kept]),
        tuple(len(images[g]) for g in kept),
        tuple(f"{script_of[c]}/{c}" + (f" {90 * q}°" if q else "") for c, q in kept),
        tuple(script_of[c] for c, _ in kept),
        {script: {"faces": faces_of(script, drawn, script_of)} for script in order},
    )


def faces_of(script: str, drawn: dict[str, Drawings], script_of: dict[str, str]) -> int:
    return sum(any(script_of[c] == script for c, _ in inks) for inks in drawn.values())


def distinct(drawn: dict[str, Drawings], order: list[Glyph], held_out: set[Glyph]) -> list[Glyph]:
    """The glyphs that look, in every face, unlike all those kept before them."""
    number = {glyph: i for i, glyph in enumerate(order)}
    limit = torch.tensor([HELD_OUT_ALIKE if g in held_out else ALIKE for g in order])
    alike = torch.zeros(len(order), len(order), dtype=torch.bool)
    for inks in drawn.values():
        here = [g for g in order if g in inks]
        x = torch.stack([inks[g] for g in here])[:, None].to(torch.float32)
        x = F.avg_pool2d(F.avg_pool2d(x, 2), 3, 1, padding=1).flatten(1)  # coarse: forgives a pixel
        x = F.normalize(x - x.mean(1, keepdim=True), dim=1)
        where = torch.tensor([number[g] for g in here])
        alike[where[:, None], where] |= x @ x.T > limit[where, None]
    kept = torch.zeros(len(order), dtype=torch.bool)
    for i in range(len(order)):
        kept[i] = not (alike[i] & kept).any()
    return [glyph for glyph, keep in zip(order, kept.tolist(), strict=True) if keep]


def class_images(drawn: dict[str, Drawings], kept: list[Glyph], size: int) -> dict[Glyph, Tensor]:
    """(n, 1, size, size) for each glyph: every face equally often, at least LEAST in all."""
    upright = [glyph for glyph in kept if glyph[1] == 0]
    each = {g: math.ceil(LEAST / sum(g in inks for inks in drawn.values())) for g in upright}
    found: dict[Glyph, list[Tensor]] = {g: [] for g in upright}
    for face, inks in progress(drawn.items(), "varying glyphs"):
        here = [g for g in upright if g in inks]
        rows = Draws(0, face, [ord(c) for c, _ in here]).uniform(LEAST, 7)  # (glyphs, LEAST, 7)
        unit = torch.cat([row[: each[g]] for g, row in zip(here, rows, strict=True)])
        ink = torch.cat([inks[g].expand(each[g], -1, -1) for g in here])
        varied = vary(ink, unit, size).split([each[g] for g in here])
        for glyph, images in zip(here, varied, strict=True):
            found[glyph].append(images)
    images_of = {c: torch.cat(images) for (c, _), images in found.items()}
    return {(c, q): images_of[c].rot90(q, (-2, -1)) for c, q in kept}
