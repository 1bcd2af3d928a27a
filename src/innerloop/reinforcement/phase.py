"""A phase of training by PPO: trials in new tasks, and several passes over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from innerloop.core import Params
from innerloop.reinforcement.agent import Acting, Improves
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.ppo import (
    advantages,
    choose,
    clipped_loss,
    entropy,
    log_probability,
    masked,
    usual,
)
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import Tree

VALUE = 0.5  # weight of the value's squared error


class Judges(Improves, Protocol):
    """A method that also says what a state is worth: heads(params, fast, observation) ->
    (logits (..., A), value (...))."""

    def heads(self, params: Params, fast: Tree, observation: Tensor) -> tuple[Tensor, Tensor]: ...


class Batch(NamedTuple):
    """What a phase learns from. logged: log-probabilities of the actions as they were chosen.
    advantage: with deviation 1. target: of the value, counted as in `ppo.usual`."""

    trials: Trials
    logged: Tensor
    advantage: Tensor
    target: Tensor
    allowed: Tensor | None

    def of(self, tasks: Tensor) -> Batch:
        """Some of the tasks."""
        steps, real, episode = self.trials
        some = Trials(Step(*(leaf[:, tasks] for leaf in steps)), real[:, tasks], episode[:, tasks])
        allowed = None if self.allowed is None else self.allowed[tasks]
        logged, advantage, target = (
            leaf[:, tasks] for leaf in (self.logged, self.advantage, self.target)
        )
        return Batch(some, logged, advantage, target, allowed)


@dataclass(frozen=True)
class Chosen(Acting):
    """The policy in training: it also keeps log-probabilities and values."""

    method: Judges

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        logits, value = self.method.heads(self.params, memory, observation)
        logged = masked(logits, allowed).log_softmax(-1)
        action = choose(logged, generator)
        return action, (log_probability(logged, action), value)


def trials_of(
    method: Judges,
    params: Params,
    tasks: TaskDistribution,
    count: int,
    generator: Generator,
    discount: float,
    trace: float,
) -> Batch:
    """Act in `count` new tasks with the weights as they are."""
    task = tasks.world.sample(count, generator)
    with torch.no_grad():
        acted = rollout(Chosen(method, params), tasks, task, count, generator)
    reward, real = acted.trials.steps.reward, acted.trials.real
    logged, values = (torch.stack(part) for part in zip(*acted.kept, strict=True))
    centre, spread = usual(reward, real, discount)
    found = advantages(reward, centre + spread * values, real, discount, trace)
    size = found[real].std().clamp(min=1e-6)
    return Batch(acted.trials, logged, found / size, values + found / spread, acted.allowed)


def passes(
    moving: Moving,
    count: int,
    epochs: int,
    minibatches: int,
    generator: Generator,
    loss: Callable[..., Tensor],
) -> tuple[Moving, float]:
    """(after `epochs` times down `loss(params, some of the tasks)` of each part, its mean)."""
    losses = []
    for _ in range(epochs):
        for part in torch.randperm(count, generator=generator).chunk(minibatches):
            moving, found = moving.down(partial(loss, part=part))
            losses.append(found)
    return moving, sum(losses) / len(losses)


def ppo_loss(logits: Tensor, value: Tensor, batch: Batch, clip: float, bonus: float) -> Tensor:
    """Of all real steps, the clipped loss, the value's error, and a bonus for indecision."""
    logged = masked(logits, batch.allowed).log_softmax(-1)
    now = log_probability(logged, batch.trials.steps.action)
    each = clipped_loss(now, batch.logged, batch.advantage, clip)
    each = each + VALUE * (value - batch.target).square() - bonus * entropy(logged)
    real = batch.trials.real
    return torch.where(real, each, 0.0).sum() / real.sum()
