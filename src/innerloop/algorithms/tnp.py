"""Transformer neural processes (Nguyen and Grover 2022, arXiv:2207.04179)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical, Normal
from innerloop.losses import Loss
from innerloop.models.attention import Attend, Block, attention
from innerloop.models.network import Model
from innerloop.models.sets import perceptron, set_network
from innerloop.outer import algorithm


class Tokens(nn.Module):
    """Support rows attend to each other, queries to the support rows.

    A query does not see the other queries, so its answer does not depend on them. A first token
    that is learnt stands before the support set, so that it may be empty.

    relative: tokens do not say where they are; instead, rows are drawn to others by how far apart
    they are, which a perceptron learns for each layer and head.
    """

    def __init__(
        self,
        inputs: int,
        targets: int,
        outputs: int,
        *,
        width: int,
        layers: int,
        heads: int,
        depth: int = 4,
        attend: Attend = attention,
        relative: bool = False,
    ):
        super().__init__()
        self.targets, self.relative = targets, relative
        seen = targets + 1 if relative else inputs + targets + 1
        self.token = perceptron(seen, width, width=width, depth=depth)
        if relative:
            self.apart = perceptron(inputs, layers * heads, width=width // 2, depth=3)
        self.blocks = nn.ModuleList([Block(width, heads, attend=attend) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.answer = perceptron(width, outputs, width=2 * width, depth=2)
        self.first = nn.Linear(1, width, bias=False)

    def encode(self, z: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each layer the keys and values of the support set, (heads, 1 + S, d) both; and its
        tokens after the last."""
        tokens, code = self.known(z, y), []
        drawn = self.drawn(z, z, first=True)
        for block, pull in zip(self.blocks, drawn, strict=True):
            tokens, known = block.among(tokens, len(tokens), pull)  # type: ignore[operator]
            code.append(known)
        return [*code, (tokens[None], tokens[None]), *([(z, z)] if self.relative else [])]

    def decode(self, code: list[tuple[Tensor, Tensor]], z: Tensor) -> Tensor:
        tokens = self.asked(z)
        for block, known, pull in zip(self.blocks, code, self.drawn(z, code[-1][0]), strict=False):
            tokens = block(tokens, known, pull)
        return self.answer(self.norm(tokens))  # type: ignore[no-any-return]

    def both(self, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """`decode(encode(z, y), queries)` in one go."""
        tokens, count = torch.cat([self.known(z, y), self.asked(queries)]), 1 + len(y)
        drawn = self.drawn(torch.cat([z, queries]), z, first=True)
        for block, pull in zip(self.blocks, drawn, strict=True):
            tokens, _ = block.among(tokens, count, pull)  # type: ignore[operator]
        return self.answer(self.norm(tokens[count:]))  # type: ignore[no-any-return]

    def objective(
        self, z: Tensor, y: Tensor, queries: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answers to queries that have seen the support set and the targets of earlier queries."""
        tokens = [self.known(z, y), self.told(queries, targets), self.asked(queries)]
        support, asked = len(tokens[0]), len(queries)
        allowed, whole = in_turn(support, asked).to(z.device), torch.cat(tokens)
        told = torch.cat([z, queries])
        drawn = self.drawn(torch.cat([told, queries]), told, first=True)
        for block, pull in zip(self.blocks, drawn, strict=True):
            among = allowed if pull is None else torch.where(allowed, pull, -torch.inf)
            whole, _ = block.among(whole, support + asked, among)  # type: ignore[operator]
        return self.answer(self.norm(whole[-asked:])), z.new_zeros(())

    def drawn(self, z: Tensor, known: Tensor, *, first: bool = False) -> Sequence[Tensor | None]:
        """For each layer (heads, rows, 1 + S): how much rows at z are drawn to rows at `known`, by
        how far apart they are; nothing to the first token, nor from it (`first`)."""
        if not self.relative:
            return [None] * len(self.blocks)
        pull = self.apart(z[:, None] - known)  # (rows, S, layers * heads)
        pull = pull.movedim(-1, 0).unflatten(0, (len(self.blocks), -1))
        return F.pad(pull, (1, 0, int(first), 0)).unbind(0)

    def known(self, z: Tensor, y: Tensor) -> Tensor:
        """(1 + S, width)"""
        return torch.cat([self.first.weight.T, self.told(z, y)])

    def told(self, z: Tensor, y: Tensor) -> Tensor:
        """(S, width)"""
        seen = [y, torch.ones_like(y[:, :1])]
        return self.token(torch.cat(seen if self.relative else [z, *seen], -1))  # type: ignore[no-any-return]

    def asked(self, z: Tensor) -> Tensor:
        """(Q, width)"""
        unknown = z.new_zeros(len(z), self.targets + 1)
        return self.token(unknown if self.relative else torch.cat([z, unknown], -1))  # type: ignore[no-any-return]

    def embed(self, code: list[tuple[Tensor, Tensor]]) -> Tensor:
        """The mean of the support rows' tokens after the last layer."""
        return self.norm(code[len(self.blocks)][0][0]).mean(0)  # type: ignore[no-any-return]


def in_turn(support: int, queries: int) -> Tensor:
    """(support + 2 * queries, support + queries) which tokens look at which.

    Support rows look at each other; a query with its target also at earlier ones and itself; a
    query without it at the support rows and the earlier ones with theirs.

    >>> in_turn(1, 2).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1],
            [1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """
    earlier = torch.ones(queries, queries, dtype=torch.bool).tril(-1)
    itself = torch.eye(queries, dtype=torch.bool)
    none = torch.zeros(support, queries, dtype=torch.bool)
    later = torch.cat([none, earlier | itself, earlier])
    return torch.cat([torch.ones(len(later), support, dtype=torch.bool), later], 1)


@algorithm(steps=20_000, meta_batch=16, lr=5e-4)
def tnp(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 64,
    layers: int = 6,
    heads: int = 4,
    joint: bool = False,
    relative: bool = False,
    least_std: float = 0.01,
) -> Amortised:
    """A transformer over (x, y) rows, in which queries attend to the support set: TNP-D, TNP-A.

        tokens = f(x_i, y_i) for support rows, f(x, unknown) for queries
        p(y | x) = Normal(mean, std = g(token of x after the last layer))

    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    width, layers, heads: of the transformer. least_std: the least standard deviation it can claim.
    relative: a row looks at others by their distance, x - x', instead of by where they are, so
        that a task moved along x is the same task (arXiv:2406.12409). Where that holds, as for
        time series and fields, it learns many times faster.
    joint: learn p(y_1 .. y_Q) = product of p(y_i | support, y_1 .. y_i-1), TNP-A, whose answers to
        several queries hang together: see `evaluation.joint_log_likelihood`. What it predicts are
        each query's own, as TNP-D does.
    An adapted task holds the keys and values of its support rows; an empty support set gives the
    prior.

    >>> import torch, innerloop as il
    >>> learner = il.tnp(inputs=1, targets=1, width=8, layers=2)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # mean and spread of each
    torch.Size([5, 1, 2])
    """
    sizes = {"inputs": inputs, "targets": targets, "width": width, "layers": layers, "heads": heads}
    network = set_network(model, partial(Tokens, relative=relative), name="tnp", **sizes)
    likelihood = Normal(least_std) if targets else Categorical()
    return Amortised(
        network,
        loss,
        likelihood,
        targets,
        own_objective=joint,
        joint=joint,
        has_prior=True,
        name="tnp",
    )
