"""Small networks of every usual kind, put together from a seed, in float64."""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from innerloop import Episodes, Examples

WIDTH, LENGTH, SIDE, WORDS, WAYS = 4, 3, 4, 5, 3


class Residual(nn.Module):
    """out += x, in place, as torchvision's blocks have it."""

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner, self.act = inner, nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.inner(x)
        out += x
        return self.act(out)


class Tied(nn.Module):
    """Two layers that share a weight, and one layer that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.a(torch.tanh(self.b(torch.tanh(self.a(x)))))


class Counting(nn.Module):
    """Changes its input and a buffer in place, and has an integer buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("order", torch.arange(WIDTH).flip(0))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        x *= 1 + 0.1 * self.seen
        return x[..., self.order]


class Recurrent(nn.Module):
    """Outputs of a recurrent layer, with its last state added, so that both are in use."""

    def __init__(self, layer: nn.RNNBase):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        outputs, last = self.layer(x)
        hidden = last[0] if isinstance(last, tuple) else last  # (layers, rows, width)
        return outputs + hidden.sum((0, 2))[:, None, None]


class Stepping(nn.Module):
    """A loop over time, written by hand around a cell."""

    def __init__(self, cell: nn.RNNCellBase):
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        hidden = state[0] if isinstance(state, tuple) else state
        return x + hidden[:, None]


class SelfAttention(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True, **settings)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(x, x, x)[0]


class OverTime(nn.Module):
    """(rows, length, features) for a layer that wants (rows, features, length)."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.transpose(1, 2)).transpose(1, 2)


class Positions(nn.Module):
    """A learnt position, added in place to a copy of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(LENGTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        h = x.clone()
        h += self.place
        return h


class Mean(nn.Module):
    def __init__(self, *dims: int):
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dims)


class TwoInputs(nn.Module):
    """Keyword arguments: numbers and words of a row."""

    def __init__(self, body: nn.Module):
        super().__init__()
        self.words, self.body = nn.Embedding(WORDS, WIDTH, padding_idx=0), body

    def forward(self, numbers: Tensor, words: Tensor) -> Tensor:
        return self.body(numbers + self.words(words).mean(1))


def frozen(layer: nn.Module) -> nn.Module:
    return layer.requires_grad_(False)


def linear() -> nn.Linear:
    return nn.Linear(WIDTH, WIDTH)


def conv(**settings) -> nn.Conv2d:
    return nn.Conv2d(WIDTH, WIDTH, 3, padding=1, **settings)


VECTORS: list[Callable[[], nn.Module]] = [
    lambda: nn.Sequential(linear(), nn.Tanh()),
    lambda: Residual(linear()),
    Tied,
    Counting,
    lambda: nn.LayerNorm(WIDTH),
    lambda: nn.RMSNorm(WIDTH),
    lambda: nn.GroupNorm(2, WIDTH),
    lambda: nn.BatchNorm1d(WIDTH),
    lambda: nn.BatchNorm1d(WIDTH, affine=False),
    lambda: nn.BatchNorm1d(WIDTH, track_running_stats=False),
    lambda: nn.BatchNorm1d(WIDTH, momentum=None, eps=1e-3),
    lambda: nn.Sequential(parametrizations.weight_norm(linear()), nn.SELU(inplace=True)),
    lambda: nn.Sequential(parametrizations.spectral_norm(linear()), nn.GELU()),
    lambda: nn.Sequential(parametrizations.orthogonal(linear()), nn.Tanh()),
    lambda: nn.Sequential(linear(), nn.PReLU(), frozen(linear())),
    lambda: nn.Sequential(nn.Dropout(0.0), nn.AlphaDropout(0.0), nn.Softplus()),
    lambda: nn.Sequential(nn.Unflatten(1, (1, WIDTH)), nn.InstanceNorm1d(1), nn.Flatten()),
]
SEQUENCES: list[Callable[[], nn.Module]] = [
    lambda: nn.Sequential(linear(), nn.ELU(inplace=True)),
    SelfAttention,
    lambda: SelfAttention(bias=False, add_zero_attn=True),
    lambda: nn.TransformerEncoderLayer(WIDTH, 2, 5, dropout=0.0, batch_first=True),
    lambda: nn.TransformerEncoderLayer(
        WIDTH, 2, 5, dropout=0.0, batch_first=True, norm_first=True, activation="gelu"
    ),
    lambda: Recurrent(nn.LSTM(WIDTH, WIDTH, batch_first=True)),
    lambda: Recurrent(
        nn.LSTM(WIDTH, 3, num_layers=2, proj_size=2, bidirectional=True, batch_first=True)
    ),
    lambda: Recurrent(nn.GRU(WIDTH, WIDTH, num_layers=2, bias=False, batch_first=True)),
    lambda: Recurrent(nn.GRU(WIDTH, WIDTH // 2, bidirectional=True, batch_first=True)),
    lambda: Recurrent(nn.RNN(WIDTH, WIDTH, batch_first=True)),
    lambda: Stepping(nn.LSTMCell(WIDTH, WIDTH)),
    lambda: Stepping(nn.GRUCell(WIDTH, WIDTH)),
    lambda: Stepping(nn.RNNCell(WIDTH, WIDTH)),
    lambda: OverTime(nn.Sequential(nn.Conv1d(WIDTH, WIDTH, 3, padding=1), nn.Tanh())),
    lambda: OverTime(nn.BatchNorm1d(WIDTH)),
    lambda: OverTime(nn.InstanceNorm1d(WIDTH, affine=True, track_running_stats=True)),
    Positions,
    lambda: nn.LayerNorm(WIDTH, elementwise_affine=False),
]
IMAGES: list[Callable[[], nn.Module]] = [
    lambda: nn.Sequential(conv(), nn.SiLU(inplace=True)),
    lambda: Residual(nn.Sequential(conv(bias=False), nn.BatchNorm2d(WIDTH), nn.Tanh(), conv())),
    lambda: nn.Sequential(conv(groups=2), nn.GroupNorm(2, WIDTH), nn.Mish()),
    lambda: nn.Sequential(conv(dilation=1), nn.InstanceNorm2d(WIDTH, track_running_stats=True)),
    lambda: nn.BatchNorm2d(WIDTH, momentum=None, track_running_stats=False),
    lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.AvgPool2d(2)),
    lambda: nn.Sequential(nn.ConvTranspose2d(WIDTH, WIDTH, 2, stride=2), nn.AvgPool2d(2)),
    lambda: nn.LayerNorm([WIDTH, SIDE, SIDE]),
    lambda: nn.Dropout2d(0.0),
]
KINDS = {  # kind -> (from the input to the blocks, the blocks, from the blocks to a vector)
    "vectors": (nn.Identity, VECTORS, nn.Identity),
    "both": (nn.Identity, VECTORS, nn.Identity),
    "sequences": (nn.Identity, SEQUENCES, lambda: Mean(1)),
    "words": (lambda: nn.Embedding(WORDS, WIDTH), SEQUENCES, lambda: Mean(1)),
    "images": (lambda: nn.Conv2d(2, WIDTH, 1), IMAGES, lambda: Mean(2, 3)),
}


def network(seed: int) -> tuple[str, nn.Module]:
    """(kind of input, module): one to three blocks; together the seeds use every block."""
    draw = random.Random(seed)
    kind = list(KINDS)[seed % len(KINDS)]
    begin, blocks, end = KINDS[kind]
    turn = seed // len(KINDS)
    chosen = [blocks[turn * 2 % len(blocks)], blocks[(turn * 2 + 1) % len(blocks)]]
    chosen += draw.sample(blocks, draw.randint(0, 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = nn.Sequential(*(make() for make in chosen), end(), nn.Linear(WIDTH, WAYS))
        net = TwoInputs(body) if kind == "both" else nn.Sequential(begin(), *body)
    return kind, net.double()


def inputs(kind: str, tasks: int, rows: int, generator: torch.Generator):
    def numbers(*shape: int) -> Tensor:
        return torch.randn(tasks, rows, *shape, generator=generator, dtype=torch.float64)

    words = torch.randint(WORDS, (tasks, rows, LENGTH), generator=generator)
    return {
        "vectors": lambda: numbers(WIDTH),
        "both": lambda: {"numbers": numbers(WIDTH), "words": words},
        "sequences": lambda: numbers(LENGTH, WIDTH),
        "words": lambda: words,
        "images": lambda: numbers(2, SIDE, SIDE),
    }[kind]()


def episodes(kind: str, seed: int, tasks: int = 2) -> Episodes:
    g = torch.Generator().manual_seed(seed)
    sides = []
    for rows in (5, 4):
        y = torch.randint(WAYS, (tasks, rows), generator=g)
        sides.append(Examples(inputs(kind, tasks, rows, g), y, ways=WAYS))
    return Episodes(*sides)
