"""A recurrent network over sequences."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn

from innerloop.errors import not_one_of
from innerloop.models.named import named

Cell = Literal["gru", "lstm"]


class LastState(nn.Module):
    """x (rows, length, inputs) -> the last state of the last layer (rows, features)."""

    def __init__(self, layer: nn.GRU | nn.LSTM):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        _, last = self.layer(x)
        hidden = last[0] if isinstance(last, tuple) else last  # (layers * directions, rows, width)
        directions = 2 if self.layer.bidirectional else 1
        return hidden[-directions:].movedim(0, 1).flatten(1)


@named
def recurrent(
    inputs: int = 1,
    outputs: int | None = None,
    *,
    width: int = 32,
    layers: int = 1,
    cell: Cell = "gru",
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> nn.Module:
    """GRU (Cho et al. 2014, arXiv:1406.1078) or LSTM (Hochreiter and Schmidhuber 1997): x (rows,
    length, inputs), of any length -> (rows, outputs), or the last state (rows, width), twice as
    wide if bidirectional, without outputs.

    dropout: share of what one layer hands to the next.

    >>> import torch
    >>> recurrent(3, 5, cell="lstm")(torch.zeros(2, 7, 3)).shape
    torch.Size([2, 5])
    """
    kinds = {"gru": nn.GRU, "lstm": nn.LSTM}
    if cell not in kinds:
        raise not_one_of("cell", get_args(Cell), cell)
    layer = kinds[cell](
        inputs, width, layers, batch_first=True, dropout=dropout, bidirectional=bidirectional
    )
    features = width * (2 if bidirectional else 1)
    head = [] if outputs is None else [nn.Linear(features, outputs)]
    net = nn.Sequential(LastState(layer), *head)
    net.features = features  # type: ignore[assignment]
    return net
