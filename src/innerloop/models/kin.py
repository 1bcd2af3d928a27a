"""Attention among rows of which it is only known who shares a class with whom.

No class has a name or a number here, so a permutation of the classes permutes the answers, and any
number of classes can be told apart with the same weights, in one pass for all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.models.attention import KeysAndValues, in_heads
from innerloop.models.sets import perceptron

Code = list[tuple[Tensor, ...]]
RARE = 1e-3  # the least share of attention that a class is counted with


class KinBlock(nn.Module):
    """Attention in which a support row is drawn to rows of its class, and takes more from them.

        score_ij = query_i key_j' / sqrt(d) + pull * same_ij,   weight = softmax_j(score)
        seen_i = sum over j of weight_ij (value_j + same_ij kin_value_j)

    then a perceptron, as in `Block`. A query is of no class yet, so nobody is its kin.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = in_heads(width, heads)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.known = nn.Linear(width, 3 * width)
        self.pull = nn.Linear(1, heads, bias=False)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def among(self, tokens: Tensor, same: Tensor) -> tuple[Tensor, KeysAndValues]:
        """Tokens (n, width) after they have looked at the first m, same (n, m) saying which are
        their kin; and the keys and values of those."""
        normed = self.before(tokens)
        parts = self.known(normed[: same.shape[1]]).unflatten(-1, (3, self.heads, -1))
        key, value, kin_value = parts.movedim(0, 2)  # (heads, m, d)
        scores = self._scores(normed, key) + self.pull.weight[..., None] * same
        weights = scores.softmax(-1)
        return self._after(tokens, weights @ value + weights * same @ kin_value), (key, value)

    def forward(self, tokens: Tensor, known: KeysAndValues) -> Tensor:
        """Queries (n, width) after they have looked at the m known ones."""
        key, value = known
        return self._after(tokens, self._scores(self.before(tokens), key).softmax(-1) @ value)

    def _scores(self, normed: Tensor, key: Tensor) -> Tensor:
        query = self.query(normed).unflatten(-1, (self.heads, -1)).transpose(0, 1)
        return query * key.shape[-1] ** -0.5 @ key.transpose(-1, -2)  # type: ignore[no-any-return]

    def _after(self, tokens: Tensor, seen: Tensor) -> Tensor:
        tokens = tokens + self.out(seen.transpose(0, 1).flatten(1))
        return tokens + self.down(F.gelu(self.up(self.between(tokens))))  # type: ignore[no-any-return]


class KinTokens(nn.Module):
    """Support rows attend to each other, queries to them; a query is of the class whose rows it
    ends up looking at.

    For every class and head it is compared with the class's rows on average, and by the share of
    its attention that they get; a small perceptron, the same for all classes, weighs these and how
    frequent the class is. A first token that is learnt lets the support set be empty.
    """

    any_ways = True

    def __init__(self, inputs: int, *, width: int, layers: int, heads: int):
        super().__init__()
        self.token = perceptron(inputs + 1, width, width=width, depth=2)
        self.first = nn.Linear(1, width, bias=False)
        self.blocks = nn.ModuleList([KinBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.heads = heads
        self.linear = nn.Linear(2 * heads + 1, 1, bias=False)
        self.judge = perceptron(2 * heads + 1, 1, width=32, depth=2)

    def encode(self, z: Tensor, y: Tensor) -> Code:
        """For each layer the keys and values of the support set, (heads, 1 + S, d) both; last the
        keys to which queries compare, which row is of which class (1 + S, N), and the tokens."""
        tokens, member, code = self._known(z), self._member(z, y), Code()
        for block in self.blocks:
            tokens, known = block.among(tokens, member @ member.T)  # type: ignore[operator]
            code.append(known)
        tokens = self.norm(tokens)
        return [*code, (self._split(self.key(tokens)), member, tokens)]

    def decode(self, code: Code, z: Tensor) -> Tensor:
        """(Q, N)"""
        tokens = self._asked(z)
        for block, known in zip(self.blocks, code, strict=False):
            tokens = block(tokens, known)
        key, member, _ = code[-1]
        return self._answer(self.norm(tokens), key, member)

    def both(self, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        """`decode(encode(z, y), queries)` in one go."""
        member, count = self._member(z, y), 1 + len(y)
        tokens = torch.cat([self._known(z), self._asked(queries)])
        same = torch.cat([member @ member.T, z.new_zeros(len(queries), count)])
        for block in self.blocks:
            tokens, _ = block.among(tokens, same)  # type: ignore[operator]
        tokens = self.norm(tokens)
        return self._answer(tokens[count:], self._split(self.key(tokens[:count])), member)

    def embed(self, code: Code) -> Tensor:
        """The mean of the support rows' tokens after the last layer."""
        return code[-1][2].mean(0)

    def _known(self, z: Tensor) -> Tensor:
        """(1 + S, width)"""
        return torch.cat([self.first.weight.T, self.token(F.pad(z, (0, 1), value=1.0))])

    def _asked(self, z: Tensor) -> Tensor:
        return self.token(F.pad(z, (0, 1)))  # type: ignore[no-any-return]

    def _member(self, z: Tensor, y: Tensor) -> Tensor:
        """(1 + S, N): the first token is of no class."""
        return F.pad(y.to(z.dtype), (0, 0, 1, 0))

    def _split(self, tokens: Tensor) -> Tensor:
        """(heads, n, d)"""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(0, 1)

    def _answer(self, tokens: Tensor, key: Tensor, member: Tensor) -> Tensor:
        scores = self._split(self.query(tokens)) @ key.transpose(-1, -2) * key.shape[-1] ** -0.5
        counts = member.sum(0)  # (N,)
        mean = scores @ (member / counts.clamp(min=1))  # (heads, Q, N)
        share = (scores.softmax(-1) @ member + RARE).log()
        frequent = ((counts + 1) / (len(member) + len(counts))).log().expand(1, *mean.shape[1:])
        seen = torch.cat([mean, share, frequent]).movedim(0, -1)  # (Q, N, 2 heads + 1)
        return (self.linear(seen) + self.judge(seen))[..., 0]  # type: ignore[no-any-return]
