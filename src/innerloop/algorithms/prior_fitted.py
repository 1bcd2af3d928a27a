"""Networks fitted to a prior over tables (Müller et al. 2022, arXiv:2112.10510; Hollmann et al. 2023,
arXiv:2207.01848), here as the judge of kernel methods."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical
from innerloop.losses import Loss
from innerloop.models.attention import Block, KeysAndValues
from innerloop.models.network import Model
from innerloop.models.opinions import KERNELS, OPINIONS, Opinions
from innerloop.models.sets import perceptron, set_network
from innerloop.outer import algorithm
from innerloop.tasks.small.scaling import Scaling, scaling_of

Code = list[KeysAndValues]
PULL = 2.0  # of a kernel, by which a head looks at near rows
TRUST = 3.0  # in the mean of all opinions, where learning starts


class Judge(nn.Module):
    """A transformer over rows, asked of each class: is it this one? A row's token is what the kernel
    methods say of it and, of a support row, its label. Rows look at support rows, drawn to those that
    the kernels call near.

        logit = mean over opinions of (trust + g(token)) * opinion + h(token)
    """

    any_ways = True

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
        """How to scale a row, the support rows scaled, the weights of the kernel methods; and of
        each class the keys and values of each layer, and the tokens after the last."""
        scaling = scaling_of(z)
        x, yes = scaling(z), 2.0 * y.to(z.dtype) - 1  # (S, N)
        near = self.opinions.near(x, x)
        weights, said = self.opinions.learn(near, yes)
        layers, last = vmap(self._read, (0, 0, None))(said, yes.T, self._pulls(near))
        return {"scaling": scaling, "x": x, "weights": weights, "layers": layers, "last": last}

    def decode(self, code: dict[str, Any], z: Tensor) -> Tensor:
        """(Q, N)"""
        near = self.opinions.near(Scaling(*code["scaling"])(z), code["x"])
        said = self.opinions.say(near, code["weights"])
        return vmap(self._asked, (0, 0, None))(said, code["layers"], self._pulls(near)).T

    def both(self, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """`decode(encode(z, y), queries)` in one go."""
        scaling, count = scaling_of(z), len(z)
        x, yes = scaling(torch.cat([z, queries])), 2.0 * y.to(z.dtype) - 1
        near = self.opinions.near(x, x[:count])
        weights, without = self.opinions.learn(near[:, :count], yes)
        said = torch.cat([without, self.opinions.say(near[:, count:], weights)], 1)
        label = torch.cat([yes, yes.new_zeros(len(queries), yes.shape[1])])
        pulls = self._pulls(near)

        def of_class(said: Tensor, label: Tensor) -> Tensor:
            tokens = self._tokens(said, label)
            for block, pull in zip(self.blocks, pulls, strict=True):
                tokens, _ = block.among(tokens, count, pull)  # type: ignore[operator]
            return self._judged(tokens[count:], said[count:])

        return vmap(of_class)(said, label.T).T

    def embed(self, code: dict[str, Any]) -> Tensor:
        """The mean of the support rows' tokens after the last layer, and over the classes."""
        return self.norm(code["last"]).mean((0, 1))  # type: ignore[no-any-return]

    def _read(self, said: Tensor, yes: Tensor, pulls: list[Tensor]) -> tuple[Code, Tensor]:
        tokens, layers = self._tokens(said, yes), Code()
        for block, pull in zip(self.blocks, pulls, strict=True):
            tokens, known = block.among(tokens, len(tokens), pull)  # type: ignore[operator]
            layers.append(known)
        return layers, tokens

    def _asked(self, said: Tensor, layers: Code, pulls: list[Tensor]) -> Tensor:
        tokens = self._tokens(said, torch.zeros_like(said[:, 0]))
        for block, pull, known in zip(self.blocks, pulls, layers, strict=True):
            tokens = block(tokens, known, pull)
        return self._judged(tokens, said)

    def _tokens(self, said: Tensor, label: Tensor) -> Tensor:
        """(n, width) of opinions (n, opinions) and labels (n,): 1 yes, -1 no, 0 unknown."""
        known = torch.stack([label, label * label], -1)
        return self.token(torch.cat([said, known], -1))  # type: ignore[no-any-return]

    def _judged(self, tokens: Tensor, said: Tensor) -> Tensor:
        """(n,)"""
        further, own = self.answer(self.norm(tokens)).split([OPINIONS, 1], -1)
        return ((self.trust + further) * said).mean(-1) + own[:, 0]  # type: ignore[no-any-return]

    def _pulls(self, near: Tensor) -> list[Tensor]:
        """For each layer (heads, n, S), from (kernels, n, S)."""
        return [pull(near.movedim(0, -1)).movedim(-1, 0) for pull in self.pulls]


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
