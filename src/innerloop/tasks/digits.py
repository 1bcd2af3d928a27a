"""Handwritten digits that come with scikit-learn, as a family to be tested on."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from innerloop.arguments import checked
from innerloop.episodes import Span
from innerloop.tasks.base import SPLITS, Tasks
from innerloop.tasks.images import check_size
from innerloop.tasks.images.bank import ImageBank, image_tasks


@checked()
def digits(*, ways: Span = 5, shots: Span = 1, queries: Span = 10, size: int = 28) -> Tasks:
    """1,797 handwritten digits of 13 writers (Alpaydin and Kaynak 1998, doi:10.24432/C50P49).

    A family to test on: all three splits hold the same ten classes, so a learner that is trained
    on `digits.train` has seen every class of `digits.test`. One trained on `glyphs`, which has no
    digits, has seen none.

    x: (1, size, size), ink 1, the 8x8 originals enlarged and set in a margin like the glyphs'.

    >>> digits().test.sample(tasks=2).query.x.shape
    torch.Size([2, 50, 1, 28, 28])
    """
    check_size(size)
    bank = digit_bank(size)
    banks = dict.fromkeys(SPLITS, bank)
    return image_tasks("digits", banks, ways=ways, shots=shots, queries=queries, size=size)


def digit_bank(size: int) -> ImageBank:
    from sklearn.datasets import load_digits  # imports slowly: only who wants digits waits for it

    data = load_digits()
    order = np.argsort(data.target, kind="stable")
    small = torch.from_numpy(data.images[order]).to(torch.float32)[:, None] / 16  # (1797, 1, 8, 8)
    box = round(size * 0.78)
    large = F.interpolate(small, (box, box), mode="bicubic", align_corners=False)
    ink = ((large - 0.35) / 0.6).clamp(0, 1)  # enlarged edges are soft; pen strokes are not
    before = (size - box) // 2
    after = size - box - before
    images = F.pad(ink, (before, after, before, after)).mul(255).round().to(torch.uint8)
    counts = np.bincount(data.target)
    names = tuple(f"digits/{digit}" for digit in range(10))
    return ImageBank(images, tuple(counts.tolist()), names, ("digits",) * 10)
