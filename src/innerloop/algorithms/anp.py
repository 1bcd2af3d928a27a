"""Attentive neural processes (Kim et al. 2019, arXiv:1901.05761)."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from innerloop.core import Params
from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical, Mixture, Normal
from innerloop.losses import Loss
from innerloop.models.attention import Block, attention
from innerloop.models.latent import Answer, Latent, Spread, check_samples, divergence
from innerloop.models.network import Model
from innerloop.models.sets import perceptron, set_network
from innerloop.outer import algorithm


class Rows(nn.Module):
    """What each support row says, having looked at the others: (S, width)."""

    def __init__(self, inputs: int, *, width: int, depth: int, layers: int, heads: int):
        super().__init__()
        self.row = perceptron(inputs, width, width=width, depth=depth)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        tokens = self.row(torch.cat([z, y], -1))
        for block in self.blocks:
            tokens, _ = block.among(tokens, len(tokens))  # type: ignore[operator]
        return self.norm(tokens)  # type: ignore[no-any-return]


class Attentive(nn.Module):
    """A query attends to the support rows near it; beside that, perhaps, a latent vector."""

    def __init__(
        self,
        inputs: int,
        targets: int,
        numbers: int,
        *,
        width: int,
        depth: int,
        layers: int,
        heads: int,
        samples: int,
    ):
        super().__init__()
        self.heads, self.samples = heads, samples
        sizes = {"width": width, "depth": depth, "layers": layers, "heads": heads}
        self.rows = Rows(inputs + targets, **sizes)
        self.place = perceptron(inputs, width, width=width, depth=2)
        self.value, self.seen = nn.Linear(width, width), nn.Linear(width, width)
        known = 2 * width if samples else width
        self.answer = Answer(inputs, known, numbers, width=width, depth=depth)
        if samples:
            self.summed = Rows(inputs + targets, **sizes)
            self.latent = Latent(width, samples=samples if numbers else 0)

    def encode(self, z: Tensor, y: Tensor) -> Params:
        """Keys and values of the support rows (heads, S, d), and a summary (width,) of them."""
        keys, values = self.place(z), self.value(self.rows(z, y))
        code = {"keys": self.apart(keys), "values": self.apart(values)}
        return {**code, "summary": self.summary(z, y)} if self.samples else code

    def decode(self, code: Params, z: Tensor) -> Tensor:
        if not self.samples:
            return self.answer.each(z, self.near(code, z)[None])[0]
        return self.answered(code, z, self.latent.drawn(self.latent(code["summary"])))

    def objective(
        self, z: Tensor, y: Tensor, queries: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answers from a latent ~ q(. | S, Q), and KL(q(. | S, Q) || q(. | S)) per query."""
        code = self.encode(z, y)
        known: Spread = self.latent(code["summary"])
        seen = self.latent(self.summary(torch.cat([z, queries]), torch.cat([y, targets])))
        answers = self.answered(code, queries, self.latent.one(seen))
        return answers, divergence(seen, known) / len(queries)

    def answered(self, code: Params, z: Tensor, drawn: Tensor) -> Tensor:
        """By the rows near z, for each latent vector (samples, width)."""
        near = self.near(code, z).expand(len(drawn), -1, -1)
        whole = drawn[:, None].expand(-1, len(z), -1)
        return self.answer(z, torch.cat([near, whole], -1))  # type: ignore[no-any-return]

    def near(self, code: Params, z: Tensor) -> Tensor:
        """(Q, width); of no rows, zeros before the last layer."""
        seen = attention(self.apart(self.place(z)), code["keys"], code["values"])
        return self.seen(seen.transpose(0, 1).flatten(1))  # type: ignore[no-any-return]

    def apart(self, tokens: Tensor) -> Tensor:
        """(n, width) -> (heads, n, d)"""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(0, 1)

    def summary(self, z: Tensor, y: Tensor) -> Tensor:
        return self.summed(z, y).sum(0) / max(1, len(y))  # type: ignore[no-any-return]

    def embed(self, code: Params) -> Tensor | tuple[Tensor, Tensor]:
        """The mean of the values, or the latent vector's mean and variance."""
        if not self.samples:
            values = code["values"]
            return values.sum(1).flatten() / max(1, values.shape[1])
        mean, std = self.latent(code["summary"])
        return mean, std.square()


@algorithm(steps=20_000, meta_batch=16, lr=5e-4)
def anp(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 64,
    depth: int = 4,
    layers: int = 2,
    heads: int = 4,
    latent: bool = False,
    samples: int = 16,
    least_std: float = 0.01,
) -> Amortised:
    """A query looks for the support rows that are near it: attention instead of CNP's mean.

        r(x) = attention(query k(x), keys k(x_i), values h(x_i, y_i | S)),   y = g(x, r(x), z)

    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    width, depth: of the perceptrons; layers, heads: support rows first attend to each other.
    latent: as in the paper, with a latent vector z beside r, learnt as `neural_process` does; it
        learns more slowly. Without it answers are one normal each, as CNP's. samples: of z.
    least_std: the least standard deviation it can claim.
    An adapted task holds the keys and values of its support rows; an empty support set gives the
    prior.

    >>> import torch, innerloop as il
    >>> learner = il.anp(inputs=1, targets=1, width=8, latent=True, samples=4)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # weight, mean, spread of each normal
    torch.Size([5, 1, 4, 3])
    """
    check_samples(samples)
    sizes = {"width": width, "depth": depth, "layers": layers, "heads": heads}
    sizes |= {"inputs": inputs, "targets": targets}
    make = partial(Attentive, samples=samples if latent else 0)
    network = set_network(model, make, name="anp", numbers=None, **sizes)
    numbers = Mixture(least_std) if latent else Normal(least_std)
    likelihood = numbers if targets else Categorical()
    return Amortised(
        network, loss, likelihood, targets, own_objective=latent, has_prior=True, name="anp"
    )
