"""Networks fitted to a prior over tables (Müller et al. 2022, arXiv:2112.10510; Hollmann et al. 2023,
arXiv:2207.01848), here as the judge of kernel methods."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical
from innerloop.losses import Loss
from innerloop.models.attention import Block
from innerloop.models.network import Model
from innerloop.models.opinions import KERNELS, OPINIONS, Opinions
from innerloop.models.sets import perceptron, set_network
from innerloop.outer import algorithm
from innerloop.tasks.small.scaling import Scaling, scaling_of

PULL = 2.0  # of a kernel, by which a head looks at near rows
TRUST = 3.0  # in the mean of all opinions, where learning starts


class Judge(nn.Module):
    """A transformer over rows. A row's token is what the kernel methods say of it and, of a support
    row, its label; rows look at support rows, drawn to those that the kernels call near.

        logit = mean over opinions of (trust + g(token)) * opinion + h(token)
    """

    def __init__(self, *, width: int, layers: int, heads: int):
        super().__init__()
        self.opinions = Opinions()
        self.token = perceptron(OPINIONS + 2, width, width=2 * width, depth=2)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        pulls = [nn.Linear(len(KERNELS), heads, bias=False) for _ in range(layers)]
        for pull in pulls:
            nn.init.normal_(pull.weight, std=PULL)
        self.pulls = nn.ModuleList(pulls)
        self.norm = nn.LayerNorm(width)
        self.answer = nn.Linear(width, OPINIONS + 1)
        self.trust = nn.Parameter(torch.tensor(TRUST))

    def encode(self, z: Tensor, y: Tensor) -> dict[str, Any]:
        """How to scale a row, the support rows scaled, the weights of the kernel methods, the keys
        and values of each layer, and the tokens after the last."""
        scaling = scaling_of(z)
        x = scaling(z)
        near = self.opinions.near(x, x)
        weights, said = self.opinions.learn(near, y)
        tokens, layers = self._tokens(said, y), []
        for block, pull in zip(self.blocks, self.pulls, strict=True):
            tokens, known = block.among(tokens, len(x), towards(pull, near))  # type: ignore[operator]
            layers.append(known)
        return {"scaling": scaling, "x": x, "weights": weights, "layers": layers, "last": tokens}

    def decode(self, code: dict[str, Any], z: Tensor) -> Tensor:
        near = self.opinions.near(Scaling(*code["scaling"])(z), code["x"])
        said = self.opinions.say(near, code["weights"])
        tokens = self._tokens(said)
        for block, pull, known in zip(self.blocks, self.pulls, code["layers"], strict=True):
            tokens = block(tokens, known, towards(pull, near))
        return self._judged(tokens, said)

    def both(self, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """`decode(encode(z, y), queries)` in one go."""
        scaling, count = scaling_of(z), len(z)
        x = scaling(torch.cat([z, queries]))
        near = self.opinions.near(x, x[:count])
        weights, without = self.opinions.learn(near[:, :count], y)
        said = self.opinions.say(near[:, count:], weights)
        tokens = torch.cat([self._tokens(without, y), self._tokens(said)])
        for block, pull in zip(self.blocks, self.pulls, strict=True):
            tokens, _ = block.among(tokens, count, towards(pull, near))  # type: ignore[operator]
        return self._judged(tokens[count:], said)

    def embed(self, code: dict[str, Any]) -> Tensor:
        """The mean of the support rows' tokens after the last layer."""
        return self.norm(code["last"]).mean(0)  # type: ignore[no-any-return]

    def _tokens(self, said: Tensor, y: Tensor | None = None) -> Tensor:
        """(n, width)"""
        label = torch.zeros_like(said[:, :2]) if y is None else torch.cat([y, y * y], -1)
        return self.token(torch.cat([said, label], -1))  # type: ignore[no-any-return]

    def _judged(self, tokens: Tensor, said: Tensor) -> Tensor:
        """(n, 1)"""
        further, own = self.answer(self.norm(tokens)).split([OPINIONS, 1], -1)
        return ((self.trust + further) * said).mean(-1, keepdim=True) + own  # type: ignore[no-any-return]


def towards(pull: nn.Module, near: Tensor) -> Tensor:
    """(heads, n, S) from (kernels, n, S)"""
    return pull(near.movedim(0, -1)).movedim(-1, 0)  # type: ignore[no-any-return]


@algorithm(steps=20_000, meta_batch=16, lr=1e-3, encoder=True)
def prior_fitted(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    width: int = 64,
    layers: int = 3,
    heads: int = 4,
) -> Amortised:
    """For small tables: a transformer that judges twelve kernel ridge regressions, row by row.

        opinion_k(x) = k(x, support) (K + ridge)^-1 y,   of a support row: leave-one-out
        logit_n(x) = mean over k of g_k(token of x) * opinion_k(x) + h(token of x), asked of each class

    It is trained on made-up tables (`il.tasks.structural`) and then asked about real ones, which it
    has never seen. A token holds what the kernel methods say of a row (and its label), not the row's
    features: so a table may have any number of them, in any order, and any number of classes.
    It has seen tables of up to 30 features, 60 labelled rows and 10 classes; beyond, judge for
    yourself. Features are scaled by the support rows; categories may be given as numbers.

    Unlike the papers' networks it need not learn from scratch how to classify, and costs minutes to
    train, not days. It tells classes apart; there is no regression.
    model: features of an input, x (rows, ...) -> (rows, d); None: its own numbers.
    width, layers, heads: of the transformer.

    >>> import torch, innerloop as il
    >>> learner = il.prior_fitted(width=8, layers=1, heads=2)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.randn(6, 4), torch.tensor([0, 1, 2] * 2)))
    >>> learner.predict(meta, fast, torch.randn(5, 4)).shape  # one logit for each class
    torch.Size([5, 3])
    """

    def make(inputs: int, targets: int, outputs: int) -> nn.Module:
        return Judge(width=width, layers=layers, heads=heads)

    network = set_network(model, make, inputs=1, targets=0)
    return Amortised(network, loss, Categorical(), None, name="prior_fitted")
