"""SNAIL, the simple neural attentive learner (Mishra et al. 2018, arXiv:1707.03141)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical, Normal
from innerloop.losses import Loss
from innerloop.models.network import Model
from innerloop.models.sets import set_network
from innerloop.outer import algorithm


class Convolution(nn.Module):
    """A causal convolution of two taps, gated, whose result is put beside what it was made of.

    row_t -> (row_t, tanh(f) * sigmoid(g)),   f, g linear in row_t and row_{t - dilation}
    """

    def __init__(self, inputs: int, width: int, dilation: int):
        super().__init__()
        self.dilation, self.outputs = dilation, inputs + width
        self.now = nn.Linear(inputs, 2 * width)
        self.then = nn.Linear(inputs, 2 * width, bias=False)

    def sequence(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The rows (S, inputs) after it, and the one (1, inputs) that the next to come looks at."""
        before = F.pad(rows, (0, 0, self.dilation, 0))  # (S + dilation, inputs): zeros at first
        return self(rows, before[: len(rows)]), before[len(rows) : len(rows) + 1]

    def forward(self, rows: Tensor, earlier: Tensor) -> Tensor:
        filtered, gate = (self.now(rows) + self.then(earlier)).chunk(2, -1)
        return torch.cat([rows, filtered.tanh() * gate.sigmoid()], -1)


class Look(nn.Module):
    """Causal attention, whose result is put beside what it was made of.

    row_t -> (row_t, sum over s <= t of softmax_s(query_t key_s' / sqrt(d)) value_s)
    """

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.outputs = inputs + width
        self.parts = nn.Linear(inputs, 3 * width)

    def sequence(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The rows (S, inputs) after it, and the rows themselves, at which the next looks."""
        return self(rows, rows, torch.ones(2 * (len(rows),), device=rows.device).tril(-1) > 0), rows

    def forward(self, rows: Tensor, earlier: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Each looks at itself, and at the earlier ones that are allowed (n, m)."""
        query, own_key, own = self.parts(rows).chunk(3, -1)
        _, key, value = self.parts(earlier).chunk(3, -1)
        scores = query @ key.T  # (n, m)
        if allowed is not None:
            scores = torch.where(allowed, scores, -torch.inf)
        both = torch.cat([scores, (query * own_key).sum(-1, keepdim=True)], -1)
        weights = (both * key.shape[-1] ** -0.5).softmax(-1)  # (n, m + 1)
        return torch.cat([rows, weights[:, :-1] @ value + weights[:, -1:] * own], -1)


class Snail(nn.Module):
    """Attention and stacks of convolutions in turn, over the support rows and then one query."""

    def __init__(self, inputs: int, targets: int, outputs: int, *, width: int, reach: int):
        super().__init__()
        self.targets, size = targets, inputs + targets
        dilations = [2**i for i in range(max(1, math.ceil(math.log2(max(1, reach)))))]
        layers: list[Look | Convolution] = []
        for dilation in (None, *dilations, None, *dilations, None):
            wide = Convolution(size, width, dilation) if dilation else Look(size, width)
            layers, size = [*layers, wide], wide.outputs
        self.layers = nn.ModuleList(layers)
        self.answer = nn.Linear(size, outputs)

    def encode(self, z: Tensor, y: Tensor) -> list[Tensor]:
        """For each layer the support rows that one which comes after them looks at; and the last
        row after all layers, or zeros."""
        rows, code = torch.cat([z, y], -1), []
        for layer in self.layers:
            rows, seen = layer.sequence(rows)  # type: ignore[operator]
            code.append(seen)
        return [*code, F.pad(rows, (0, 0, 1, 0))[-1:]]

    def decode(self, code: list[Tensor], z: Tensor) -> Tensor:
        rows = F.pad(z, (0, self.targets))
        for layer, earlier in zip(self.layers, code, strict=False):
            rows = layer(rows, earlier)
        return self.answer(rows)  # type: ignore[no-any-return]

    def embed(self, code: list[Tensor]) -> Tensor:
        """What is known at the last support row."""
        return code[-1][0]


@algorithm(steps=20_000, meta_batch=16, lr=1e-3)
def snail(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 32,
    reach: int = 32,
    least_std: float = 0.01,
) -> Amortised:
    """The support set as a sequence, through causal attention and dilated convolutions in turn.

        (x_1, y_1) ... (x_S, y_S), (x, unknown)   ->   the answer at the last position

    attention, convolutions with dilations 1, 2, 4 ..., attention, convolutions, attention; every
    layer puts `width` features of its own beside those it was given.
    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    reach: how many rows back a stack of convolutions looks. least_std: the least standard deviation
    it can claim.
    The order of the support rows matters: shuffle them where it has no meaning. Each query comes
    alone after them, so its answer does not depend on the others. An empty support set is allowed.

    >>> import torch, innerloop as il
    >>> learner = il.snail(inputs=1, targets=1, width=8)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # mean and spread of each
    torch.Size([5, 1, 2])
    """

    def make(inputs: int, targets: int, outputs: int) -> nn.Module:
        return Snail(inputs, targets, outputs, width=width, reach=reach)

    network = set_network(model, make, inputs=inputs, targets=targets)
    likelihood = Normal(least_std) if targets else Categorical()
    return Amortised(network, loss, likelihood, targets, has_prior=True, ordered=True, name="snail")
