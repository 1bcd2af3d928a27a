"""Encoded sentences beside their character n-grams, as they are and as meta-training sees them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError
from innerloop.models.named import named


class Sentences(nn.Module):
    """See `sentences`."""

    def __init__(self, encoded: int, ngrams: int, width: int, mix: float):
        super().__init__()
        self.encoded, self.mix, self.width = encoded, mix, width
        self.gains = nn.Parameter(torch.empty(4 if width else 3))  # of the parts, logarithms
        self.turn = nn.Parameter(torch.empty(encoded, encoded))
        if width:
            self.shared = nn.Parameter(torch.empty(width, ngrams))
        self.features = 2 * encoded + ngrams + width
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Before training it is the plain mix: what is learnt begins as a copy of what is given."""
        half = 0.5**0.5
        grams = [half * self.mix] * 2 if self.width else [self.mix]
        with torch.no_grad():
            self.gains.copy_(torch.tensor([half, half, *grams]).log())
            nn.init.zeros_(self.turn)
            if self.width:
                nn.init.normal_(self.shared, std=self.width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        z, grams = x.split([self.encoded, x.shape[1] - self.encoded], 1)
        parts = [z, unit(z + F.linear(z, self.turn)), grams]
        if self.width:
            parts.append(unit(F.linear(grams, self.shared)))
        gains = self.gains.exp()
        return torch.cat([gains[n] * part for n, part in enumerate(parts)], 1)


def unit(rows: Tensor) -> Tensor:
    """Each row at length 1; one of zeros stays."""
    return rows * (rows.square().sum(1, keepdim=True) + 1e-8).rsqrt()


@named
def sentences(
    outputs: int | None = None,
    *,
    encoded: int = 512,
    ngrams: int = 4096,
    width: int | None = None,
    mix: float = 1.0,
) -> nn.Module:
    """What "use+ngrams" gives, x (rows, encoded + ngrams) -> parts side by side, each with a gain.

        z                        the encoded sentence as it is
        (z + A z) / |z + A z|    turned so that what tells intents apart counts most
        g                        its n-grams as they are
        C g / |C g|              n-grams that mean the same in a shared place, `width` numbers

    A, C and the gains are learnt across tasks; before that A is zero, C a random projection, and
    what comes of z counts 1 and what comes of g counts `mix`: the untrained mix.
    width: None leaves the last part out. It learns the words of the languages and domains that it is
        trained on: of use there, a burden elsewhere.
    outputs: with it a linear layer follows.

    >>> sentences(encoded=8, ngrams=32, width=4)(torch.ones(2, 40)).shape
    torch.Size([2, 52])
    """
    if not 0 < mix < float("inf"):
        raise InputError(
            f"mix must be a finite number above 0, got {mix}; 1 lets n-grams count as much as the "
            "encoder.",
            f"mix 必须是大于 0 的有限数，收到 {mix}；1 表示 n-gram 与编码器同等重要。",
        )
    body = Sentences(encoded, ngrams, width or 0, mix)
    if outputs is None:
        return body
    net = nn.Sequential(body, nn.Linear(body.features, outputs))
    net.features = body.features  # type: ignore[assignment]
    return net
