"""The twelve-layer residual network of few-shot image classification."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError
from innerloop.models.named import named
from innerloop.models.norms import Norm, norm_of
from innerloop.models.resnet6 import GlobalMean

SLOPE = 0.1


class Block(nn.Module):
    """x + f(x), halved: three 3x3 convolutions beside one of 1x1, then 2x2 max-pool."""

    def __init__(self, inputs: int, outputs: int, norm: Norm):
        super().__init__()
        self.deep = nn.Sequential(
            *layer(inputs, outputs, 3, norm),
            nn.LeakyReLU(SLOPE),
            *layer(outputs, outputs, 3, norm),
            nn.LeakyReLU(SLOPE),
            *layer(outputs, outputs, 3, norm),
        )
        self.skip = nn.Sequential(*layer(inputs, outputs, 1, norm))

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.leaky_relu(self.deep(x) + self.skip(x), SLOPE), 2)


def layer(inputs: int, outputs: int, kernel: int, norm: Norm) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return [conv, norm_of(norm, outputs)]


@named
def resnet12(
    outputs: int | None = None,
    *,
    channels: int = 3,
    size: int = 84,
    width: int = 64,
    dropout: float = 0.0,
    norm: Norm = "batch",
) -> nn.Module:
    """Four residual blocks of three 3x3 convolutions, of width, 2.5, 5 and 10 times width channels
    (64, 160, 320, 640), and the mean over places (Lee et al. 2019, arXiv:1904.03758): x (rows,
    channels, size, size) -> (rows, outputs), or the features (rows, 10 * width) without outputs.
    12.4 million parameters; the paper's DropBlock is left out.

    width: of the first block, even; 16 makes a network of 0.8 million parameters. dropout: share
    of the features. norm: "batch", or what looks at one row alone: "group", "layer", "instance".

    >>> import torch
    >>> net = resnet12(5, channels=1, size=28, width=8)
    >>> tuple(net(torch.zeros(2, 1, 28, 28)).shape), sum(p.numel() for p in resnet12().parameters())
    ((2, 5), 12424320)
    """
    if size < 16:
        raise InputError(
            f"resnet12 halves an image four times, so size must be at least 16, got {size}; "
            "enlarge the images.",
            f"resnet12 会将图像缩小四次，尺寸至少为 16，收到 {size}；请放大图像。",
        )
    if width < 2 or width % 2:
        raise InputError(
            f"the second block of resnet12 has 2.5 times width channels, so width must be even, "
            f"got {width}; take 16, 32 or 64.",
            f"resnet12 第二块的通道数为 width 的 2.5 倍，故 width 须为偶数，收到 {width}；可取 16、32 或 64。",
        )
    widths = [channels, width, 5 * width // 2, 5 * width, 10 * width]
    blocks = [Block(a, b, norm) for a, b in pairwise(widths)]
    rest = [nn.Dropout(dropout)] if dropout else []
    head = [] if outputs is None else [nn.Linear(widths[-1], outputs)]
    net = nn.Sequential(*blocks, GlobalMean(), *rest, *head)
    net.features = widths[-1]  # type: ignore[assignment]
    return net
