"""Encoded sentences beside their character n-grams, as they are and as meta-training sees them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError
from innerloop.models.named import named

PACE = 10.0  # how much faster than other weights the importance of an n-gram is learnt


class Sentences(nn.Module):
    """See `sentences`."""

    def __init__(self, encoded: int, ngrams: int, width: int, mix: float):
        super().__init__()
        self.encoded, self.mix = encoded, mix
        self.gains = nn.Parameter(torch.empty(4))  # of the four parts, logarithms
        self.turn = nn.Parameter(torch.empty(encoded, encoded))
        self.importance = nn.Parameter(torch.empty(ngrams))  # of each place, a logarithm / PACE
        self.learnt = nn.Parameter(torch.empty(width, ngrams))
        self.features = 2 * encoded + ngrams + width
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Before training it is the plain mix: what is learnt begins as a copy of what is given."""
        half = 0.5**0.5
        with torch.no_grad():
            self.gains.copy_(torch.tensor([half, half, half * self.mix, half * self.mix]).log())
            nn.init.zeros_(self.turn)
            nn.init.zeros_(self.importance)
            nn.init.normal_(self.learnt, std=self.learnt.shape[0] ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        z, grams = x.split([self.encoded, x.shape[1] - self.encoded], 1)
        own, turned, exact, learnt = self.gains.exp()
        grams = grams * (PACE * self.importance).exp()
        return torch.cat(
            [
                own * z,
                turned * unit(z + F.linear(z, self.turn)),
                exact * unit(grams),
                learnt * unit(F.linear(grams, self.learnt)),
            ],
            1,
        )


def unit(rows: Tensor) -> Tensor:
    """Each row at length 1; one of zeros stays."""
    return rows * (rows.square().sum(1, keepdim=True) + 1e-8).rsqrt()


@named
def sentences(
    outputs: int | None = None,
    *,
    encoded: int = 512,
    ngrams: int = 4096,
    width: int = 128,
    mix: float = 1.0,
) -> nn.Module:
    """What "use+ngrams" gives, x (rows, encoded + ngrams) -> four parts side by side.

        z                        the encoded sentence as it is
        (z + A z) / |z + A z|    turned so that what tells intents apart counts most
        g e^b / |g e^b|          n-grams, each with an importance
        C (g e^b) / |C (g e^b)|  n-grams that mean the same in a shared place, width numbers

    each times a gain. A, b, C and the gains are learnt across tasks; before that A and b are zero,
    C is a random projection, and the parts of z and of g count 1 and mix: the untrained mix. With
    `outputs` a linear layer follows.

    >>> features = sentences(encoded=8, ngrams=32, width=4)(torch.ones(2, 40))
    >>> features.shape
    torch.Size([2, 52])
    """
    if not 0 < mix < float("inf"):
        raise InputError(
            f"mix must be a finite number above 0, got {mix}; 1 lets n-grams count as much as the "
            "encoder.",
            f"mix 必须是大于 0 的有限数，收到 {mix}；1 表示 n-gram 与编码器同等重要。",
        )
    body = Sentences(encoded, ngrams, width, mix)
    if outputs is None:
        return body
    net = nn.Sequential(body, nn.Linear(body.features, outputs))
    net.features = body.features  # type: ignore[assignment]
    return net
