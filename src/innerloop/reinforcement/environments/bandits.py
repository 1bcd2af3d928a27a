"""Bernoulli bandits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.reinforcement.environments.distribution import (
    Outcome,
    World,
    check_whole,
    distribution,
    in_trials_of,
)
from innerloop.tree import Tree


@dataclass(frozen=True)
class Bandits:
    """task: means (T, A), arms (T,) how many of them are real. An episode is one pull."""

    arms: int
    least: int
    observations = 0
    continuous = False
    reach = 1.0
    horizon = 1

    @property
    def actions(self) -> int:
        return self.arms

    def sample(self, tasks: int, generator: Generator) -> Tree:
        means = torch.rand(tasks, self.arms, generator=generator)
        arms = torch.full((tasks,), self.arms)
        if self.least < self.arms:
            arms = torch.randint(self.least, self.arms + 1, (tasks,), generator=generator)
        return {"means": means, "arms": arms}

    def allowed(self, task: Tree) -> Tensor | None:
        if self.least == self.arms:
            return None
        return torch.arange(self.arms) < task["arms"][:, None]

    def best(self, task: Tree, observation: Tensor) -> Tensor:
        """(..., T) the arm that pays most."""
        allowed = torch.arange(self.arms) < task["arms"][:, None]
        best = task["means"].where(allowed, -1.0).argmax(-1)
        return best.expand(observation.shape[:-1])

    def begin(self, task: Tree, generator: Generator) -> Tree:
        return task["means"].new_zeros(len(task["means"]), 0)

    def observe(self, task: Tree, state: Tree) -> Tensor:
        return state

    def step(self, task: Tree, state: Tree, action: Tensor, generator: Generator) -> Outcome:
        mean = task["means"].gather(1, action[:, None])[:, 0]
        reward = (torch.rand(mean.shape, generator=generator) < mean).to(mean.dtype)
        return Outcome(state, reward, torch.ones_like(action, dtype=torch.bool))


@in_trials_of(10)
@distribution
def bandits(*, arms: int = 5, least_arms: int | None = None) -> World:
    """Bernoulli bandits: a task is `arms` slot machines that pay 1 with probabilities ~ U[0, 1].

    least_arms: where tasks are to have between so many and `arms` machines; the rest are masked.

    >>> bandits(arms=3, trial_episodes=20).steps
    20
    """
    check_whole("arms", arms, 2)
    least = arms if least_arms is None else least_arms
    check_whole("least_arms", least, 1)
    return Bandits(arms, min(least, arms))
