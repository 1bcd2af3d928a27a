"""Banks whose images say which they are."""

from __future__ import annotations

import torch

from innerloop.tasks.images.bank import ImageBank

WIDTH = 4


def numbered_bank(counts):
    """Images whose pixels spell (their class, their number in the class)."""
    images = torch.zeros(sum(counts), 1, WIDTH, WIDTH, dtype=torch.uint8)
    row = 0
    for number, count in enumerate(counts):
        images[row : row + count, 0, 0, 0] = number
        images[row : row + count, 0, 0, 1] = torch.arange(count, dtype=torch.uint8)
        row += count
    names = tuple(f"g{c % 2}/{c:02d}" for c in range(len(counts)))
    return ImageBank(images, tuple(counts), names, tuple(n[:2] for n in names))


def spelt(x):
    """(T, rows, 1, W, W) -> the (class, number) of every image, (T, rows, 2)."""
    return (x[:, :, 0, 0, :2] * 255).round().long()
