"""A policy that practises: after so many episodes in a task it takes a gradient step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor
from torch.func import vmap

from innerloop.core import Params
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.tried import Says, Tried
from innerloop.tree import Tree, rows, tree_map

AT_ONCE = 100  # tasks


class Learns(Says, Protocol):
    """What `Practising` asks of a method, beside what its policy says."""

    @property
    def rollouts(self) -> int: ...

    def begin(self, params: Params, shape: tuple[int, ...] = ()) -> Tree: ...

    def adapt(self, params: Params, fast: Tree, experience: Step) -> Tree: ...

    def rounds(
        self, params: Params, tasks: TaskDistribution, task: Tree, rounds: int, generator: Generator
    ) -> Iterator[Tried]: ...


class Practice(NamedTuple):
    """fast (T, ...): what is known of the tasks. steps: since the first that some task has not
    learnt from; since (T,): where in them a task's own begin. ended (T,): episodes among those."""

    fast: Tree
    steps: tuple[Step, ...]
    since: Tensor
    ended: Tensor


@dataclass(frozen=True)
class Practising:
    """A method with its weights, as a `Policy` that learns after every `method.rollouts` episodes."""

    method: Learns
    params: Params

    @property
    def by(self) -> tuple[str, str]:
        """What the returns of a trial are told apart by."""
        n = self.method.rollouts
        return (
            f"gradient steps taken (0, 1, 2 ...), each on {n} episodes",
            f"已走的梯度步数（0、1、2……）列出，每步用 {n} 个回合",
        )

    def begin(self, tasks: int, generator: Generator) -> Practice:
        none = torch.zeros(tasks, dtype=torch.int64)
        return Practice(self.method.begin(self.params, (tasks,)), (), none, none)

    def act(
        self, memory: Practice, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        if allowed is None:
            allowed = torch.ones(len(observation), 1, dtype=torch.bool)
        say = vmap(self.method.said, in_dims=(None, 0, 0, 0))
        said = say(self.params, memory.fast, observation, allowed)
        return self.method.kind.sample(said, generator), None

    def observe(self, memory: Practice, step: Step, generator: Generator) -> Practice:
        steps, ended = (*memory.steps, step), memory.ended + step.ended
        due = ended >= self.method.rollouts
        if not due.any():
            return memory._replace(steps=steps, ended=ended)
        whole = Step(*map(torch.stack, zip(*steps, strict=True)))  # (L, T, ...)
        fast = tree_map(torch.clone, memory.fast)
        for t in due.nonzero()[:, 0].tolist():
            own = Step(*(leaf[memory.since[t] :, t] for leaf in whole))
            known = tree_map(lambda leaf, t=t: leaf[t], memory.fast)
            learnt = self.method.adapt(self.params, known, own)
            tree_map(lambda leaf, new, t=t: leaf[t].copy_(new), fast, learnt)
        since = torch.where(due, len(steps), memory.since)
        first = int(since.min())
        return Practice(fast, steps[first:], since - first, torch.where(due, 0, ended))

    def returns(self, tasks: TaskDistribution, task: Tree, generator: Generator) -> Tensor:
        """(T, trial_episodes) mean returns of `method.rollouts` episodes side by side, before the
        first step and after each one: so many stand for each episode of a trial."""
        parts = []
        for first in range(0, rows(task), AT_ONCE):
            some = tree_map(lambda leaf, at=first: leaf[at : at + AT_ONCE], task)
            each = self.method.rounds(self.params, tasks, some, tasks.trial_episodes, generator)
            parts.append(torch.stack([one.returns.mean(1) for one in each], 1))
        return torch.cat(parts)
