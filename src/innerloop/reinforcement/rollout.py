"""Let a policy act in many tasks at once, a whole trial in each."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from innerloop.errors import InputError
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step, Trials
from innerloop.tree import Tree


class Policy(Protocol):
    """What acts in T tasks and learns from what happens.

    begin(T, generator) -> memory, before any experience; act(memory, observation, allowed,
    generator) -> (actions, whatever is worth keeping of how they were chosen); observe(memory,
    step) -> memory.
    """

    def begin(self, tasks: int, generator: Generator) -> Tree: ...

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]: ...

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree: ...


class Rollout(NamedTuple):
    """kept: what `act` gave beside each step's actions. memory: after the last step."""

    trials: Trials
    kept: list[Any]
    memory: Tree
    allowed: Tensor | None


def rollout(
    policy: Policy, tasks: TaskDistribution, task: Tree, count: int, generator: Generator
) -> Rollout:
    """One trial of `tasks.trial_episodes` episodes in each of `count` tasks."""
    world, horizon = tasks.world, tasks.world.horizon
    state, memory = world.begin(task, generator), policy.begin(count, generator)
    observation = world.observe(task, state)
    allowed = tasks.allowed(task)
    clock = episode = torch.zeros(count, dtype=torch.int64)
    steps, reals, episodes, kept = [], [], [], []
    for _ in range(tasks.steps):
        real = episode < tasks.trial_episodes
        if not real.any():
            break
        action, more = policy.act(memory, observation, allowed, generator)
        outcome = world.step(task, state, action, generator)
        check_rewards(tasks, outcome.reward, real)
        clock = clock + 1
        ended = outcome.over | (clock >= horizon)
        state = tasks.begin_again(task, outcome.state, ended, generator)
        following = world.observe(task, state)
        step = Step(observation, action, outcome.reward, ended, following)
        memory = policy.observe(memory, step, generator)
        steps.append(step)
        reals.append(real)
        episodes.append(episode)
        kept.append(more)
        observation, clock = following, torch.where(ended, 0, clock)
        episode = episode + ended
    taken = Step(*map(torch.stack, zip(*steps, strict=True)))
    return Rollout(Trials(taken, torch.stack(reals), torch.stack(episodes)), kept, memory, allowed)


def check_rewards(tasks: TaskDistribution, reward: Tensor, real: Tensor) -> None:
    finite = torch.isfinite(reward) | ~real
    if not finite.all():
        worst = float(reward[~finite][0])
        raise InputError(
            f"rewards must be finite numbers, and {tasks.name} gave {worst}; look at the reward in "
            "its step function.",
            f"奖励必须是有限的数，而 {tasks.name} 给出了 {worst}；请检查其 step 函数中的奖励。",
        )
