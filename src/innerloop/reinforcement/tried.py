"""Episodes that a policy without memory tried in each of several tasks, and what each step was worth.

Letters: T tasks, K episodes in each, H steps of the longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor
from torch.func import vmap
from torch.nn.utils.rnn import pad_sequence

from innerloop.core import Params
from innerloop.reinforcement.baseline import linear_baseline
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.networks.policies import Kind
from innerloop.reinforcement.ppo import advantages
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import Tree, rows, tree_map


class Tried(NamedTuple):
    """K episodes in one task, each leaf (H, K, ...); those of T tasks with a leading (T,).

    observation (O,), action () or (A,): of a step. advantage (): over what was expected of it, scaled
    to mean 0 and deviation 1 in a task. said (D,): of the actions' distribution by the policy that
    acted. real () bool: False after an episode's end. allowed (A,) bool: the task's actions, for all
    its steps. returns (K,): of the episodes.
    """

    observation: Tensor
    action: Tensor
    advantage: Tensor
    said: Tensor
    real: Tensor
    allowed: Tensor
    returns: Tensor

    def every(self, stride: int) -> Tried:
        """One step in `stride` of T tasks' episodes, in each of them at other times."""
        steps, episodes = self.real.shape[1:]
        episode = torch.arange(episodes)
        at = torch.arange(0, steps, stride)[:, None] + episode % stride  # (h, K)
        within, at = at < steps, at.clamp(max=steps - 1)
        observation, action, advantage, said, real = (leaf[:, at, episode] for leaf in self.each)
        return Tried(
            observation, action, advantage, said, real & within, self.allowed, self.returns
        )

    @property
    def each(self) -> tuple[Tensor, ...]:
        """What there is of each step."""
        return self.observation, self.action, self.advantage, self.said, self.real


class Says(Protocol):
    """said(params, fast, observation (..., O), allowed) -> (..., D), for one task."""

    @property
    def kind(self) -> Kind: ...

    def said(self, params: Params, fast: Tree, observation: Tensor, allowed: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Trying:
    """A `Policy` of T K rows: K of each task, which share what is known of it (T, ...)."""

    method: Says
    params: Params
    fast: Tree
    allowed: Tensor

    def begin(self, tasks: int, generator: Generator) -> Tree:
        return self.allowed.new_zeros(0)

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        seen = observation.unflatten(0, (len(self.allowed), -1))
        said = vmap(self.method.said, in_dims=(None, 0, 0, 0))(
            self.params, self.fast, seen, self.allowed
        )
        return self.method.kind.sample(said.flatten(0, 1), generator), None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        return memory


def attempt(
    method: Says,
    params: Params,
    fast: Tree,
    tasks: TaskDistribution,
    task: Tree,
    episodes: int,
    generator: Generator,
) -> Trials:
    """`episodes` single episodes in each task, side by side: every leaf (H, T K, ...)."""
    each = tree_map(lambda leaf: leaf.repeat_interleave(episodes, 0), task)
    single = tasks.replace(trial_episodes=1)
    policy = Trying(method, params, fast, allowed_in(tasks, task))
    with torch.no_grad():
        return rollout(policy, single, each, rows(each), generator).trials


def allowed_in(tasks: TaskDistribution, task: Tree) -> Tensor:
    """(T, A)"""
    found = tasks.allowed(task)
    return torch.ones(rows(task), tasks.world.actions, dtype=torch.bool) if found is None else found


def worth(
    method: Says,
    params: Params,
    fast: Tree,
    trials: Trials,
    allowed: Tensor,
    discount: float,
    trace: float,
) -> Tried:
    """What was tried in T tasks by what is known of each (T, ...), with its advantages."""
    steps, real = trials.steps, trials.real
    earned = advantages(steps.reward, torch.zeros_like(steps.reward), real, discount, 1.0)

    def by_task(leaf: Tensor) -> Tensor:
        """(T, H, K, ...) of (H, T K, ...)"""
        return leaf.unflatten(1, (len(allowed), -1)).transpose(0, 1)

    seen, real = by_task(steps.observation), by_task(real)
    value = vmap(linear_baseline)(seen, by_task(earned), real)
    flat = value.transpose(0, 1).flatten(1, 2)
    advantage = advantages(steps.reward, flat, trials.real, discount, trace)
    advantage = vmap(standard)(by_task(advantage), real)
    said = vmap(method.said, in_dims=(None, 0, 0, 0))(params, fast, seen, allowed)
    returns = trials.returns(1)[:, 0].unflatten(0, (len(allowed), -1))
    return Tried(seen, by_task(steps.action), advantage, said, real, allowed, returns)


def standard(advantage: Tensor, real: Tensor) -> Tensor:
    """Mean 0 and deviation 1 over the real steps, and 0 elsewhere."""
    count = real.sum()
    centred = torch.where(real, advantage - torch.where(real, advantage, 0.0).sum() / count, 0.0)
    return centred / ((centred.square().sum() / count).sqrt() + 1e-8)


def episodes_of(experience: Step) -> Trials:
    """A stream of steps in one task (L, ...), cut where episodes ended: every leaf (H, K, ...)."""
    ends = (experience.ended.nonzero()[:, 0] + 1).tolist()
    if not ends or ends[-1] < len(experience.ended):
        ends.append(len(experience.ended))
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    steps = Step(*(pad_sequence(list(leaf.split(lengths))) for leaf in experience))
    real = torch.arange(max(lengths))[:, None] < torch.tensor(lengths)
    return Trials(steps, real, torch.zeros_like(real, dtype=torch.int64))
