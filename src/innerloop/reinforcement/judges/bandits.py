"""Bernoulli bandits with means ~ U[0, 1]: the exact optimum, and the usual rules.

An arm that paid s times and did not f times has mean (s + 1) / (s + f + 2) by its posterior
Beta(s + 1, f + 1), so counts are all that a rule need know.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.ppo import masked
from innerloop.tree import Tree

Arms = tuple[tuple[int, int], ...]  # (paid, not paid) of each arm, sorted
Index = Callable[[Tensor, Tensor, int, Generator | None], Tensor]


@functools.cache
def _best(arms: Arms, left: int) -> float:
    """The most that can still be expected of `left` pulls."""
    if not left:
        return 0.0
    return max(_worth(arms, arm, left, _best) for arm in set(arms))


def _worth(
    arms: Arms, arm: tuple[int, int], left: int, then: Callable[[Arms, int], float]
) -> float:
    """Of pulling this arm, and going on as `then` says."""
    paid, missed = arm
    p = (paid + 1) / (paid + missed + 2)
    rest = list(arms)
    rest.remove(arm)
    won, lost = sorted([*rest, (paid + 1, missed)]), sorted([*rest, (paid, missed + 1)])
    return p * (1 + then(tuple(won), left - 1)) + (1 - p) * then(tuple(lost), left - 1)


def bandit_optimum(arms: int, pulls: int) -> float:
    """The most that any learner can earn on average, by dynamic programming over counts.

    Exact; the states grow like pulls^(2 min(arms, pulls)), so it is for few pulls. More arms than
    pulls are as good as one for each pull.

    >>> round(bandit_optimum(arms=5, pulls=4), 3)
    2.368
    """
    _best.cache_clear()
    return _best(((0, 0),) * min(arms, pulls), pulls)


def bandit_value(policy: IndexPolicy, pulls: int) -> float:
    """What a rule earns on average, exactly: the sum over everything that can happen. For few pulls,
    and rules without chance but in ties."""

    @functools.cache
    def value(arms: Arms, left: int) -> float:
        if not left:
            return 0.0
        counts = torch.tensor(arms, dtype=torch.float32)[None]
        index = policy.index(counts[..., 0], counts[..., 1], left, None)[0]
        top = (index >= index.max() - TIE).nonzero().flatten().tolist()
        return sum(_worth(arms, arms[i], left, value) for i in top) / len(top)

    return value(((0, 0),) * policy.arms, pulls)


TIE = 1e-6


@dataclass(frozen=True)
class IndexPolicy:
    """Pulls an arm of highest index, one at random of those that share it."""

    arms: int
    pulls: int
    index: Index

    def begin(self, tasks: int, generator: Generator) -> Tree:
        return {"paid": torch.zeros(tasks, self.arms), "missed": torch.zeros(tasks, self.arms)}

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        paid, missed = memory["paid"], memory["missed"]
        left = self.pulls - int((paid + missed)[0].sum())
        index = masked(self.index(paid, missed, left, generator), allowed)
        tied = index >= index.amax(-1, keepdim=True) - TIE
        draw = torch.rand(index.shape, generator=generator)
        return torch.where(tied, draw, -1.0).argmax(-1), None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        pulled = torch.nn.functional.one_hot(step.action, self.arms)
        paid = pulled * step.reward[:, None]
        return {"paid": memory["paid"] + paid, "missed": memory["missed"] + pulled - paid}


def index_policy(tasks: TaskDistribution, index: Index) -> IndexPolicy:
    return IndexPolicy(tasks.world.actions, tasks.trial_episodes, index)


def thompson(tasks: TaskDistribution) -> IndexPolicy:
    """Thompson sampling (Thompson 1933): the arm that is best in one draw from the posterior."""

    def index(paid: Tensor, missed: Tensor, left: int, generator: Generator | None) -> Tensor:
        alpha, beta = gamma(paid + 1, generator), gamma(missed + 1, generator)
        return alpha / (alpha + beta)

    return index_policy(tasks, index)


def gamma(shape: Tensor, generator: Generator | None) -> Tensor:
    return torch._standard_gamma(shape, generator=generator)  # type: ignore[call-arg]


def ucb1(tasks: TaskDistribution, *, width: float = 0.2) -> IndexPolicy:
    """UCB1 (Auer et al. 2002): mean + width sqrt(2 ln t / (pulls + 1)), where a mean is the
    posterior's, so that no arm need be pulled for the sake of having been.

    width: 1 in the theory; 0.2 is what Duan et al. (2016) found to serve such bandits best.
    """

    def index(paid: Tensor, missed: Tensor, left: int, generator: Generator | None) -> Tensor:
        pulls = paid + missed
        t = pulls.sum(-1, keepdim=True) + 1
        return (paid + 1) / (pulls + 2) + width * (2 * t.log() / (pulls + 1)).sqrt()

    return index_policy(tasks, index)


def gittins(tasks: TaskDistribution) -> IndexPolicy:
    """Gittins indices (Gittins 1979) for the pulls that are left: the sure reward per pull for which
    one would just give an arm up. Optimal for discounted endless bandits, nearly so here."""
    table = gittins_table(tasks.trial_episodes)

    def index(paid: Tensor, missed: Tensor, left: int, generator: Generator | None) -> Tensor:
        return table[left][paid.long(), missed.long()]

    return index_policy(tasks, index)


def gittins_table(pulls: int, grid: int = 401) -> list[Tensor]:
    """table[left][paid, missed]: where pulling on at least once, and stopping when one likes, is
    worth as much as `left` times the sure reward; interpolated between `grid` sure rewards."""
    paid = torch.arange(pulls + 2.0)[:, None]
    mean = ((paid + 1) / (paid + paid.T + 2))[..., None]  # (P, P, 1)
    sure = torch.linspace(0, 1, grid)
    worth = torch.zeros(pulls + 2, pulls + 2, grid)
    table = [torch.zeros(pulls + 2, pulls + 2)]
    for left in range(1, pulls + 1):
        won, lost = worth.roll(-1, 0), worth.roll(-1, 1)
        on = mean * (1 + won) + (1 - mean) * lost
        better = on - left * sure  # falls as the sure reward grows
        above = (better > 0).sum(-1).clamp(1, grid - 1)[..., None]
        high, low = better.gather(-1, above - 1), better.gather(-1, above)
        share = (high / (high - low).clamp(min=1e-12)).clamp(0, 1)
        table.append(((above - 1 + share) / (grid - 1))[..., 0])
        worth = torch.maximum(on, left * sure)
    return table
