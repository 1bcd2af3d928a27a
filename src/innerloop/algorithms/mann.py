"""Memory-augmented networks (Santoro et al. 2016, arXiv:1605.06065)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.errors import InputError
from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical, Normal
from innerloop.losses import Loss
from innerloop.models.network import Model
from innerloop.models.recurrence import State, lstm_cell
from innerloop.models.sets import set_network
from innerloop.outer import algorithm

FORGETTING = 0.95  # what a slot's use still counts a step later
SHARP = 1e-3  # of a slot's length, so that an empty one resembles no key


class Past(NamedTuple):
    """What is carried from row to row, each of n sequences side by side.

    state: of the controller, (hidden, cell), (n, width). memory (n, slots, size). use (n, slots):
    how much a slot was read and written of late. read (n, heads, slots): where it was read last.
    found (n, heads * size): what was read. target (n, out): of the row before.
    """

    state: State
    memory: Tensor
    use: Tensor
    read: Tensor
    found: Tensor
    target: Tensor


class Memory(nn.Module):
    """An LSTM that reads, by similarity, what it wrote into the slots used least of late."""

    def __init__(
        self, inputs: int, targets: int, outputs: int, *, width: int, slots: int, heads: int
    ):
        super().__init__()
        if not 1 <= heads <= slots:
            raise InputError(
                f"each head writes into a slot of its own, so slots must be at least heads, got "
                f"slots={slots} and heads={heads}; try slots=32 and heads=2.",
                f"每个头写入各自的槽，slots 不能小于 heads，收到 slots={slots}、heads={heads}；"
                "可取 slots=32、heads=2。",
            )
        self.width, self.slots, self.heads, self.targets = width, slots, heads, targets
        self.size = max(1, width // 2)
        self.given = nn.Linear(inputs + targets + heads * self.size, 4 * width)
        self.recurrent = nn.Linear(width, 4 * width, bias=False)
        self.keys = nn.Linear(width, heads * self.size)
        self.strength = nn.Linear(width, heads)
        self.mix = nn.Linear(width, heads)
        self.answer = nn.Linear(width + heads * self.size, outputs)

    def encode(self, z: Tensor, y: Tensor) -> Past:
        """What is left after the support rows, in their order."""
        past = self.start(z)
        for row in range(len(z)):
            past = self.step(past, z[row : row + 1])
            past = past._replace(target=y[row : row + 1].to(z.dtype))
        return past

    def decode(self, code: Past, z: Tensor) -> Tensor:
        past = self.step(code, z)
        return self.answer(torch.cat([past.state[0], past.found], -1))  # type: ignore[no-any-return]

    def embed(self, code: Past) -> Tensor:
        """The controller's hidden state."""
        return code.state[0][0]

    def start(self, z: Tensor) -> Past:
        """Nothing has been seen; slots are taken in their order."""
        hidden = z.new_zeros(1, self.width)
        return Past(
            (hidden, hidden),
            z.new_zeros(1, self.slots, self.size),
            torch.linspace(0, 1e-3, self.slots, dtype=z.dtype, device=z.device)[None],
            z.new_zeros(1, self.heads, self.slots),
            z.new_zeros(1, self.heads * self.size),
            z.new_zeros(1, self.targets),
        )

    def step(self, past: Past, z: Tensor) -> Past:
        """One row (n, inputs) further in each of n sequences, its target not yet known."""
        n = len(z)
        told = [part.expand(n, -1) for part in (past.target, past.found)]
        given = self.given(torch.cat([z, *told], -1))
        state = lstm_cell(given, past.state, self.recurrent.weight, None)
        key = self.keys(state[0]).unflatten(-1, (self.heads, self.size)).tanh()
        memory, wrote = self.write(past, key, self.mix(state[0]).sigmoid())
        read = (F.softplus(self.strength(state[0]))[..., None] * alike(key, memory)).softmax(-1)
        use = FORGETTING * past.use + read.sum(1) + wrote.sum(1)
        return Past(state, memory, use, read, (read @ memory).flatten(1), past.target)

    def write(self, past: Past, key: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        """The memory with each head's key (n, heads, size) written, and where (n, heads, slots):
        partly where it was read last, partly over the slots least used, which are emptied."""
        least = past.use.topk(self.heads, largest=False).indices  # (1, heads)
        slots = torch.arange(self.slots, device=key.device)
        unused = (least[..., None] == slots).to(key.dtype)  # (1, heads, slots)
        where = mix[..., None] * past.read + (1 - mix[..., None]) * unused
        kept = past.memory * (1 - unused.sum(1))[..., None]
        return kept + where.transpose(1, 2) @ key, where


def alike(key: Tensor, memory: Tensor) -> Tensor:
    """Cosine similarities (n, heads, slots)."""
    key, memory = (u / (u.square().sum(-1, keepdim=True) + SHARP**2).sqrt() for u in (key, memory))
    return key @ memory.transpose(1, 2)


@algorithm(steps=20_000, meta_batch=16, lr=1e-3)
def mann(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 64,
    slots: int = 32,
    heads: int = 2,
    least_std: float = 0.01,
) -> Amortised:
    """A recurrent network with an external memory, trained to remember what it was shown.

        step t sees x_t and the target before it, y_{t-1};   reads by similarity of keys;
        writes where it read last, or over what was least used:
            w = mix * read_{t-1} + (1 - mix) * least_used_{t-1},   memory += w' key
        use_t = 0.95 use_{t-1} + read_t + w

    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    width: of the controller, an LSTM; a slot holds half as many numbers. slots, heads: of the
    memory. least_std: the least standard deviation it can claim.
    The order of the support rows matters: shuffle them where it has no meaning. Each query comes
    alone after them, so its answer does not depend on the others. An empty support set is allowed.

    >>> import torch, innerloop as il
    >>> learner = il.mann(inputs=1, targets=1, width=8)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # mean and spread of each
    torch.Size([5, 1, 2])
    """

    def make(inputs: int, targets: int, outputs: int) -> nn.Module:
        return Memory(inputs, targets, outputs, width=width, slots=slots, heads=heads)

    network = set_network(model, make, inputs=inputs, targets=targets)
    likelihood = Normal(least_std) if targets else Categorical()
    return Amortised(network, loss, likelihood, targets, has_prior=True, ordered=True, name="mann")
