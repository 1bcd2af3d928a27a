"""Which judges stand beside a learner in which environments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.reinforcement.agent import Agent
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.judges.bandits import bandit_optimum, gittins, thompson, ucb1
from innerloop.reinforcement.judges.grids import grid_optimum, posterior_goal
from innerloop.reinforcement.judges.mdps import psrl
from innerloop.reinforcement.ppo import choose, masked
from innerloop.reinforcement.rollout import Policy
from innerloop.tree import Tree

FRESH = 1 << 40  # the seed of weights that were not trained
FEW = 10  # pulls of which the optimum is computed in seconds
RULES: dict[str, dict[str, Callable[..., Policy]]] = {
    "bandits": {"Thompson sampling": thompson, "UCB1": ucb1, "Gittins": gittins},
    "tabular_mdps": {"PSRL": psrl},
    "gridnavi": {"posterior sampling": posterior_goal},
}


@dataclass(frozen=True)
class Random:
    """Any action, whatever happened."""

    actions: int
    continuous: bool

    def begin(self, tasks: int, generator: Generator) -> Tree:
        return torch.zeros(tasks, 0)

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        if self.continuous:
            return 2 * torch.rand(len(memory), self.actions, generator=generator) - 1, None
        return choose(masked(torch.zeros(len(memory), self.actions), allowed), generator), None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        return memory


def random_policy(tasks: TaskDistribution) -> Random:
    """Any action, with equal probability."""
    return Random(tasks.world.actions, tasks.world.continuous)


def beside(tasks: TaskDistribution, learner: Agent | None = None) -> dict[str, Policy]:
    """name -> what a learner in these environments is held against; beside one that adapts by
    gradient steps, the same steps from a fresh policy.

    >>> from innerloop.reinforcement import tabular_mdps
    >>> list(beside(tabular_mdps()))
    ['random', 'PSRL']
    """
    rules = RULES.get(tasks.name, {})
    found = {"random": random_policy(tasks), **{name: make(tasks) for name, make in rules.items()}}
    if learner is not None and hasattr(learner.method, "rollouts"):
        fresh = learner.init(Generator().manual_seed(FRESH))
        found["from scratch"] = learner.policy(fresh)
    return found


def optimum(tasks: TaskDistribution) -> float | None:
    """The most that a trial can earn on average, where it is computed exactly; else None.

    >>> from innerloop.reinforcement import bandits
    >>> round(optimum(bandits(arms=2, trial_episodes=2)), 4)
    1.0833
    """
    world: Any = tasks.world
    if tasks.name == "bandits" and tasks.trial_episodes <= FEW and world.least == world.arms:
        return bandit_optimum(world.arms, tasks.trial_episodes)
    if tasks.name == "gridnavi" and (found := grid_optimum(tasks)) is not None:
        return found[0] + (tasks.trial_episodes - 1) * found[1]
    return None
