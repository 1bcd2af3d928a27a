"""Which statistics normalise the channels of an image."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from innerloop.errors import InputError, not_one_of

Norm = Literal["batch", "group", "layer", "instance", "none"]
GROUPS = 8


def norm_of(norm: Norm, channels: int) -> nn.Module:
    """A layer over (rows, channels, height, width).

    "batch" (Ioffe and Szegedy 2015) looks at the other rows: in the inner loop at the support set's;
    "group" (Wu and He 2018), of 8 groups, "layer" and "instance" at one row alone; "none" at nothing.

    >>> norm_of("group", 64).num_groups, norm_of("layer", 64).num_groups
    (8, 1)
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        if channels % GROUPS:
            raise InputError(
                f"group norm divides the channels into {GROUPS} groups, got width {channels}; make "
                f"it a multiple of {GROUPS}.",
                f"组归一化将通道分为 {GROUPS} 组，收到宽度 {channels}；请设为 {GROUPS} 的倍数。",
            )
        return nn.GroupNorm(GROUPS, channels)
    if norm == "layer":
        return nn.GroupNorm(1, channels)
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "none":
        return nn.Identity()
    raise not_one_of("norm", get_args(Norm), norm)
