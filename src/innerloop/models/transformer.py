"""A small transformer encoder over sequences."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from innerloop.errors import InputError
from innerloop.models.named import named


class Transformer(nn.Module):
    """Positions, layers of attention, and the mean over places."""

    def __init__(self, embed: nn.Module, layers: list[nn.Module], width: int, outputs: int | None):
        super().__init__()
        self.embed, self.layers, self.norm = embed, nn.ModuleList(layers), nn.LayerNorm(width)
        self.head = nn.Identity() if outputs is None else nn.Linear(width, outputs)
        self.features = width

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        z = self.embed(x)  # (rows, length, width)
        z = z + positions(z)
        hidden = None if mask is None else ~mask
        for layer in self.layers:
            z = layer(z, src_key_padding_mask=hidden)
        z = self.norm(z)
        if mask is None:
            return self.head(z.mean(1))
        real = mask.to(z.dtype)[..., None]
        return self.head((z * real).sum(1) / real.sum(1).clamp(min=1))


def positions(z: Tensor) -> Tensor:
    """(length, width): sines and cosines, so that no length is the longest."""
    length, width = z.shape[-2:]
    place = torch.arange(length, dtype=z.dtype, device=z.device)[:, None]
    rate = torch.arange(0, width, 2, dtype=z.dtype, device=z.device)
    angle = place * torch.exp(-math.log(1e4) * rate / width)
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


@named
def transformer(
    inputs: int = 1,
    outputs: int | None = None,
    *,
    tokens: int | None = None,
    width: int = 32,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.0,
) -> nn.Module:
    """Encoder of attention and perceptrons (Vaswani et al. 2017, arXiv:1706.03762), normalised first
    (Xiong et al. 2020, arXiv:2002.04745): x (rows, length, inputs), of any length -> (rows,
    outputs), or the mean over places (rows, width) without outputs.

    tokens: size of the vocabulary; x is then (rows, length) of token numbers, and inputs unused.
    Sequences that pad come as {"x": x, "mask": mask}, mask (rows, length) True where a place is
    real; each row has a real one.

    >>> import torch
    >>> transformer(3, 5)(torch.zeros(2, 7, 3)).shape
    torch.Size([2, 5])
    >>> words = torch.tensor([[4, 2, 0], [1, 0, 0]])
    >>> transformer(tokens=10)(words, mask=words > 0).shape
    torch.Size([2, 32])
    """
    if width % (2 * heads):
        raise InputError(
            f"width must be an even number for each of {heads} heads, got {width}; take "
            f"{2 * heads * max(1, round(width / (2 * heads)))}.",
            f"width 必须能让 {heads} 个头各分得偶数维，收到 {width}；"
            f"可取 {2 * heads * max(1, round(width / (2 * heads)))}。",
        )
    embed = nn.Linear(inputs, width) if tokens is None else nn.Embedding(tokens, width)
    encoders: list[nn.Module] = [
        nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        for _ in range(layers)
    ]
    return Transformer(embed, encoders, width, outputs)
