"""Channels last: images in memory row by row, place by place, channel by channel.

Convolutions and pools run fastest so. Strides are written out, since those of a single channel, or
of a single place, may be read either way, and torch then answers in the other order.
"""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """The same images (n, C, H, W), laid out so.

    >>> channels_last(torch.zeros(2, 1, 3, 3)).stride()
    (9, 1, 3, 1)
    """
    strides = order(*x.shape)
    if x.stride() == strides:
        return x
    return x.permute(0, 2, 3, 1).contiguous().as_strided(x.shape, strides)


def laid_out(x: Tensor) -> Tensor:
    """Images so, and anything else as it is."""
    return channels_last(x) if x.dim() == 4 else x


def empty(like: Tensor, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
    return torch.empty_strided(shape, order(*shape), dtype=dtype or like.dtype, device=like.device)


def empty_like(x: Tensor) -> Tensor:
    return empty(x, *x.shape)


def order(n: int, c: int, h: int, w: int) -> tuple[int, int, int, int]:
    return h * w * c, 1, w * c, c
