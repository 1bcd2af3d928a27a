"""Random Markov decision processes with few states."""

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
class TabularMDPs:
    """task: rewards (T, S, A) and moves (T, S, A, S), the distribution of the state that follows as
    its cumulative sum. state: (T,) where one is; every episode begins in state 0."""

    states: int
    actions: int
    horizon: int
    continuous = False
    reach = 1.0

    @property
    def observations(self) -> int:
        return self.states

    def sample(self, tasks: int, generator: Generator) -> Tree:
        shape = (tasks, self.states, self.actions)
        rewards = 1 + torch.randn(shape, generator=generator)
        parts = torch.empty(*shape, self.states).exponential_(generator=generator)
        moves = parts.cumsum(-1)  # exponential draws, normalised, are a flat Dirichlet
        return {"rewards": rewards, "moves": moves / moves[..., -1:]}

    def begin(self, task: Tree, generator: Generator) -> Tree:
        return torch.zeros(len(task["rewards"]), dtype=torch.int64)

    def observe(self, task: Tree, state: Tree) -> Tensor:
        rewards = task["rewards"]
        zeros = rewards.new_zeros(len(state), self.states)
        return zeros.scatter_(1, state[:, None], 1.0)

    def step(self, task: Tree, state: Tree, action: Tensor, generator: Generator) -> Outcome:
        place = torch.arange(len(state)), state, action
        mean = task["rewards"][place]
        draw = torch.rand(len(state), 1, generator=generator)
        following = (draw > task["moves"][place][:, :-1]).sum(-1)
        reward = mean + torch.randn(mean.shape, generator=generator)
        return Outcome(following, reward, torch.zeros_like(action, dtype=torch.bool))


@in_trials_of(10)
@distribution
def tabular_mdps(*, states: int = 10, actions: int = 5, horizon: int = 10) -> World:
    """Random MDPs (Osband et al. 2013, arXiv:1306.0940; as Duan et al. 2016 drew them).

    Mean rewards ~ N(1, 1), observed with N(0, 1) noise; transitions from a flat Dirichlet.

    >>> tasks = tabular_mdps(trial_episodes=25)
    >>> tasks.steps, tasks.world.observations
    (250, 10)
    """
    check_whole("states", states, 2)
    check_whole("actions", actions, 2)
    check_whole("horizon", horizon)
    return TabularMDPs(states, actions, horizon)
