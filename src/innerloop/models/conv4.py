"""The four-block convolutional network of few-shot image classification."""

from __future__ import annotations

from torch import nn

from innerloop.errors import InputError
from innerloop.models.named import named
from innerloop.models.norms import Norm, norm_of


@named
def conv4(
    outputs: int | None = None,
    *,
    channels: int = 1,
    size: int = 28,
    width: int = 64,
    strided: bool = False,
    norm: Norm = "batch",
    zero_head: bool = False,
) -> nn.Module:
    """Four blocks of 3x3 convolution, batch norm, ReLU, 2x2 max-pool (Vinyals et al. 2016,
    arXiv:1606.04080): x (rows, channels, size, size) -> (rows, outputs), or the features
    (rows, width * places) without outputs.

    strided: convolutions of stride 2 instead of pooling, as MAML has them for Omniglot (Finn et al.
        2017, arXiv:1703.03400): a quarter of the arithmetic.
    norm: "batch", or what looks at one row alone: "group", "layer", "instance", "none".
    zero_head: the output layer begins at zero. No class is then preferred, and the first inner step
        turns it to the differences of class means: MAML learns characters in fewer steps.

    >>> conv4(outputs=5)[-1]
    Linear(in_features=64, out_features=5, bias=True)
    """
    if size < 16:
        raise InputError(
            f"conv4 halves an image four times, so size must be at least 16, got {size}; "
            "enlarge the images.",
            f"conv4 会将图像缩小四次，尺寸至少为 16，收到 {size}；请放大图像。",
        )
    blocks: list[nn.Module] = []
    for inputs in (channels, width, width, width):
        blocks += [
            nn.Conv2d(inputs, width, 3, stride=2 if strided else 1, padding=1),
            norm_of(norm, width),
            nn.ReLU(),
        ]
        if not strided:
            blocks.append(nn.MaxPool2d(2))
        size = (size + 1) // 2 if strided else size // 2  # 28: 14, 7, 4, 2 or 14, 7, 3, 1
    features = width * size**2
    head = [] if outputs is None else [nn.Linear(features, outputs)]
    if head and zero_head:
        nn.init.zeros_(head[0].weight)
        nn.init.zeros_(head[0].bias)
    net = nn.Sequential(*blocks, nn.Flatten(), *head)
    net.features = features  # type: ignore[assignment]
    return net
