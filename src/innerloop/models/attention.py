"""Attention of some tokens to others, written so that it can be batched over tasks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError

KeysAndValues = tuple[Tensor, Tensor]
Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


def attention(query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None) -> Tensor:
    """softmax(query key' / sqrt(d)) value: (heads, n, d) to (heads, m, d) -> (heads, n, d).

    allowed: (n, m) False where a query must not look, or (heads, n, m) numbers, added to how much
    it is drawn there.
    """
    scores = query * key.shape[-1] ** -0.5 @ key.transpose(-1, -2)  # (heads, n, m)
    if allowed is not None:
        hidden = allowed.dtype == torch.bool
        scores = torch.where(allowed, scores, -torch.inf) if hidden else scores + allowed
    return scores.softmax(-1) @ value


def linear_attention(
    query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None
) -> Tensor:
    """query key' / sqrt(d) value / m, without a softmax, shaped as in `attention`."""
    scores = query * key.shape[-1] ** -0.5 @ key.transpose(-1, -2)  # (heads, n, m)
    if allowed is not None:
        scores = torch.where(allowed, scores, 0)
    return scores @ value / key.shape[-2]


def in_heads(width: int, heads: int) -> int:
    """The heads, which must share the width evenly."""
    if heads < 1 or width % heads:
        raise InputError(
            f"width must be a multiple of heads, got width={width} and heads={heads}; take "
            f"width={max(1, heads) * max(1, round(width / max(1, heads)))}.",
            f"width 必须是 heads 的倍数，收到 width={width}、heads={heads}；可取 "
            f"width={max(1, heads) * max(1, round(width / max(1, heads)))}。",
        )
    return heads


class Block(nn.Module):
    """Attention to keys and values, then a perceptron, each normalised first and added.

    token (n, width) + attention(norm(token)), then + perceptron(norm(.))   (arXiv:2002.04745)

    attend: `attention` or `linear_attention`.

    >>> import torch
    >>> block, tokens = Block(8, 2), torch.zeros(3, 8)
    >>> block(tokens, block.keys_and_values(tokens)).shape
    torch.Size([3, 8])
    """

    def __init__(
        self, width: int, heads: int, hidden: int | None = None, *, attend: Attend = attention
    ):
        super().__init__()
        self.attend = attend
        self.heads = in_heads(width, heads)
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, hidden or 2 * width)
        self.down = nn.Linear(hidden or 2 * width, width)

    def keys_and_values(self, tokens: Tensor) -> KeysAndValues:
        """(heads, n, d) both, of tokens (n, width)."""
        return self._keys_and_values(self.before(tokens))

    def forward(
        self, tokens: Tensor, known: KeysAndValues, allowed: Tensor | None = None
    ) -> Tensor:
        """Tokens (n, width) after they have looked at m known ones; allowed: see `attention`."""
        return self._after(tokens, self.before(tokens), known, allowed)

    def among(
        self, tokens: Tensor, count: int, allowed: Tensor | None = None
    ) -> tuple[Tensor, KeysAndValues]:
        """Tokens after they have looked at the first `count` of them, whose keys and values are
        given too; allowed (n, count) or (heads, n, count): see `attention`."""
        normed = self.before(tokens)
        known = self._keys_and_values(normed[:count])
        return self._after(tokens, normed, known, allowed), known

    def _keys_and_values(self, normed: Tensor) -> KeysAndValues:
        both = self.key_value(normed).unflatten(-1, (2, self.heads, -1))
        key, value = both.movedim(0, 2)  # (heads, n, d)
        return key, value

    def _after(
        self, tokens: Tensor, normed: Tensor, known: KeysAndValues, allowed: Tensor | None
    ) -> Tensor:
        query = self.query(normed).unflatten(-1, (self.heads, -1)).transpose(0, 1)
        seen = self.attend(query, *known, allowed).transpose(0, 1).flatten(1)
        tokens = tokens + self.out(seen)
        return tokens + self.down(F.gelu(self.up(self.between(tokens))))  # type: ignore[no-any-return]
