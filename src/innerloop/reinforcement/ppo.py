"""Proximal policy optimisation of trials: advantages across episode ends, and the clipped loss."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


def advantages(
    rewards: Tensor, values: Tensor, real: Tensor, discount: float, trace: float
) -> Tensor:
    """(L, T) generalised advantage estimates (Schulman et al. 2016, arXiv:1506.02438).

        A_t = d_t + discount trace A_t+1,   d_t = r_t + discount V_t+1 - V_t

    An episode's end cuts nothing: what is learnt in one is of use in the next. A trial's end does.

    >>> r, v = torch.tensor([[1.0], [1.0]]), torch.zeros(2, 1)
    >>> advantages(r, v, torch.ones(2, 1).bool(), discount=0.5, trace=1.0)
    tensor([[1.5000],
            [1.0000]])
    """
    values = torch.where(real, values, 0.0)
    following = torch.cat([values[1:], torch.zeros_like(values[:1])])
    surprise = torch.where(real, rewards + discount * following - values, 0.0)
    found, running = torch.empty_like(surprise), torch.zeros_like(surprise[0])
    for t in reversed(range(len(surprise))):
        running = surprise[t] + discount * trace * running
        found[t] = running
    return found


def usual(rewards: Tensor, real: Tensor, discount: float) -> tuple[Tensor, Tensor]:
    """(centre (L, 1), spread) of what is still to come: the mean over trials at each step, and the
    deviation from it. A network's value counts from there in that unit, so that rewards of any size
    are learnt at the same rates.

    >>> r, real = torch.tensor([[1.0, 3.0], [1.0, 1.0]]), torch.ones(2, 2).bool()
    >>> centre, spread = usual(r, real, discount=1.0)
    >>> centre.T, round(float(spread), 2)
    (tensor([[3., 1.]]), 0.71)
    """
    worth = advantages(rewards, torch.zeros_like(rewards), real, discount, 1.0)
    centre = worth.sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp(min=1)
    off = torch.where(real, worth - centre, 0.0)
    return centre, (off.square().sum() / real.sum()).sqrt().clamp(min=1e-6)


def clipped_loss(now: Tensor, before: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """-min(ratio A, clamp(ratio, 1 - clip, 1 + clip) A), one for each step (Schulman et al. 2017,
    arXiv:1707.06347); now, before: log-probabilities of the actions taken.

    >>> zero, one = torch.zeros(1), torch.ones(1)
    >>> clipped_loss(one, zero, one, clip=0.2)
    tensor([-1.2000])
    """
    ratio = (now - before).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def masked(logits: Tensor, allowed: Tensor | None) -> Tensor:
    """Logits of actions that a task does not have are as low as can be."""
    return logits if allowed is None else logits.masked_fill(~allowed, -1e9)


def choose(logits: Tensor, generator: Generator) -> Tensor:
    """One action (T,) of each row's distribution: the largest logit plus Gumbel noise."""
    noise = torch.empty_like(logits).exponential_(generator=generator).log_()
    return (logits - noise).argmax(-1)


def log_probability(log_probabilities: Tensor, action: Tensor) -> Tensor:
    return log_probabilities.gather(-1, action[..., None])[..., 0]


def entropy(log_probabilities: Tensor) -> Tensor:
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def one_hot(action: Tensor, actions: int) -> Tensor:
    return F.one_hot(action, actions).float()
