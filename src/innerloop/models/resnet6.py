"""A small residual network for small images: the default encoder."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError
from innerloop.models.named import named
from innerloop.models.norms import Norm, norm_of


class Block(nn.Module):
    """x + f(x) at half the size: two 3x3 convolutions (He et al. 2016, arXiv:1512.03385)."""

    def __init__(self, inputs: int, outputs: int, norm: Norm):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm1 = norm_of(norm, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = norm_of(norm, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        z = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.skip(x) + self.norm2(self.conv2(z)))


class Unshuffle(nn.Module):
    """(rows, channels, height, width) -> (rows, 4 channels, height / 2, width / 2).

    `nn.PixelUnshuffle(2)` would lose the layout that makes the convolutions behind it fast.
    """

    def forward(self, x: Tensor) -> Tensor:
        squares = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # (rows, C, H/2, 2, W/2, 2)
        last = squares.permute(0, 2, 4, 1, 3, 5).flatten(3)  # (rows, H/2, W/2, 4 C)
        return last.permute(0, 3, 1, 2)


class GlobalMean(nn.Module):
    """(rows, channels, height, width) -> (rows, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


@named
def resnet6(
    outputs: int | None = None,
    *,
    channels: int = 1,
    size: int = 28,
    width: int = 32,
    norm: Norm = "batch",
) -> nn.Module:
    """Pixel-unshuffle to half the size, one convolution, two residual blocks that halve it again,
    and the mean over places: x (rows, channels, size, size) -> (rows, outputs), or the features
    (rows, 4 * width) without outputs. 289 thousand parameters, two thirds of conv4's arithmetic.

    norm: "batch", or what looks at one row alone: "group", "layer", "instance", "none".

    >>> import torch
    >>> net = resnet6()
    >>> tuple(net(torch.zeros(2, 1, 28, 28)).shape), sum(p.numel() for p in net.parameters())
    ((2, 128), 288704)
    """
    if size < 4 or size % 2:
        raise InputError(
            f"resnet6 halves an image first, so size must be even and at least 4, got {size}; "
            "resize the images.",
            f"resnet6 首先将图像缩小一半，尺寸须为不小于 4 的偶数，收到 {size}；请调整图像大小。",
        )
    body = [
        Unshuffle(),
        nn.Conv2d(4 * channels, width, 3, padding=1, bias=False),
        norm_of(norm, width),
        nn.ReLU(),
        Block(width, 2 * width, norm),
        Block(2 * width, 4 * width, norm),
        GlobalMean(),
    ]
    head = [] if outputs is None else [nn.Linear(4 * width, outputs)]
    net = nn.Sequential(*body, *head)
    net.features = 4 * width  # type: ignore[assignment]
    return net
