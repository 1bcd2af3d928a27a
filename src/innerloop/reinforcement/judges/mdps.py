"""Posterior sampling in tabular MDPs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.judges.bandits import gamma
from innerloop.tree import Tree


@dataclass(frozen=True)
class PSRL:
    """memory: what was counted, whether a plan is due, and the plan (T, H, S) of the episode."""

    states: int
    actions: int
    horizon: int

    def begin(self, tasks: int, generator: Generator) -> Tree:
        pairs = (tasks, self.states, self.actions)
        seen = {
            "moves": torch.ones(*pairs, self.states),  # Dirichlet(1)
            "visits": torch.zeros(pairs),
            "sums": torch.ones(pairs),  # a mean of N(1, 1), as one visit would have it
            "clock": torch.zeros(tasks, dtype=torch.int64),
        }
        return {**seen, "plan": self.plan(seen, generator)}

    def plan(self, seen: Tree, generator: Generator) -> Tensor:
        """The best actions (T, H, S) in one MDP drawn from the posterior."""
        parts = gamma(seen["moves"], generator)
        moves = parts / parts.sum(-1, keepdim=True)
        weight = 1 + seen["visits"]
        noise = torch.randn(weight.shape, generator=generator)
        rewards = seen["sums"] / weight + noise / weight.sqrt()
        return best_actions(rewards, moves, self.horizon)

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        state = observation.argmax(-1)
        return memory["plan"][torch.arange(len(state)), memory["clock"], state], None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        row = torch.arange(len(step.action))
        place = row, step.observation.argmax(-1), step.action
        goes_on = (~step.ended).float()  # what follows an end is no move
        moves, visits, sums = (memory[n].clone() for n in ("moves", "visits", "sums"))
        moves[(*place, step.following.argmax(-1))] += goes_on
        visits[place] += 1
        sums[place] += step.reward
        clock = torch.where(step.ended, 0, memory["clock"] + 1)
        seen = {"moves": moves, "visits": visits, "sums": sums, "clock": clock}
        plan = self.plan(seen, generator) if step.ended.all() else memory["plan"]
        return {**seen, "plan": plan}


def best_actions(rewards: Tensor, moves: Tensor, horizon: int) -> Tensor:
    """(T, H, S) by dynamic programming; rewards (T, S, A), moves (T, S, A, S)."""
    value, plan = rewards.new_zeros(len(rewards), rewards.shape[1]), []
    for _ in range(horizon):
        worth = rewards + (moves * value[:, None, None]).sum(-1)
        value, action = worth.max(-1)
        plan.append(action)
    return torch.stack(plan[::-1], 1)


def psrl(tasks: TaskDistribution) -> PSRL:
    """PSRL (Osband et al. 2013, arXiv:1306.0940): each episode follows the best plan of one MDP drawn
    from the posterior, which here knows the prior that MDPs are drawn from."""
    world: Any = tasks.world
    return PSRL(world.states, world.actions, world.horizon)
