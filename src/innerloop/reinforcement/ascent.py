"""Policy gradient steps in each task, from what is learnt across tasks: MAML for policies and its kin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.func import grad, vmap

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.reinforcement.agent import Found
from innerloop.reinforcement.credit import Credit
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.networks.policies import Kind, Perceptron
from innerloop.reinforcement.practice import Practising
from innerloop.reinforcement.tried import Tried, allowed_in, attempt, episodes_of, worth
from innerloop.reinforcement.trust import Proximal, TrustRegion
from innerloop.tree import Tree, tree_map


@dataclass(frozen=True)
class Ascent:
    """`inner_steps` policy gradient steps, each on the experience of `rollouts` episodes.

    fast: {"params": those that the steps move, "steps": how many were taken}. Where the network has
    a context they move it alone, and it begins at zero; otherwise they move everything. later: what
    part of `inner_lr` the steps after the first have. outer: the step across tasks.
    """

    network: Perceptron
    kind: Kind
    credit: Credit
    outer: TrustRegion | Proximal
    rollouts: int
    inner_lr: float
    later: float
    inner_steps: int
    discount: float
    trace: float

    @property
    def suggested(self) -> dict[str, Any]:
        return {"lr": self.outer.lr}

    def init(self, generator: Generator | None) -> Params:
        return self.network.init(generator) | self.kind.init(self.network.actions)

    def begin(self, params: Params, shape: tuple[int, ...] = ()) -> Tree:
        some = next(iter(params.values()))
        moving = (
            {"context": some.new_zeros(self.network.context)} if self.network.context else params
        )
        steps = torch.zeros((), dtype=torch.int64)
        return tree_map(lambda p: p.expand((*shape, *p.shape)), {"params": moving, "steps": steps})

    def said(self, params: Params, fast: Tree, observation: Tensor, allowed: Tensor) -> Tensor:
        weights = {**params, **fast["params"]}
        return self.kind.said(weights, self.network.apply(weights, observation), allowed)

    def predict(self, params: Params, fast: Tree, observation: Tensor) -> Tensor:
        """Logits of the actions, or the mean of those that are numbers."""
        return self.network.apply({**params, **fast["params"]}, observation)

    def adapt(self, params: Params, fast: Tree, experience: Step) -> Tree:
        """One step on all the episodes of a task, (L, ...) in their order."""
        many = tree_map(lambda leaf: leaf[None], fast)
        allowed = torch.ones(1, self.network.actions, dtype=torch.bool)
        tried = self.worth(params, many, episodes_of(experience), allowed)
        return tree_map(lambda leaf: leaf[0], self.ascend_all(params, many, tried))

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree:
        raise InputError(
            "a learner by policy gradients takes in whole episodes, not one step; give those of a task "
            "to adapt(meta, experience).",
            "策略梯度学习器接收完整的回合，而不是单步；请把某个任务的回合交给 adapt(meta, experience)。",
        )

    def ascend(self, params: Params, fast: Tree, tried: Tried) -> Tree:
        """fast + rate * gradient of the mean surrogate, in one task."""

        before = self.log_probability(tried.said, tried)

        def earned(moved: Params) -> Tensor:
            said = self.said(params, {"params": moved}, tried.observation, tried.allowed)
            now = self.log_probability(said, tried)
            found = self.credit(now - before, tried.advantage)
            return torch.where(tried.real, found, 0.0).sum() / tried.real.sum()

        rate = self.inner_lr * torch.where(fast["steps"] == 0, 1.0, self.later)
        gradient = grad(earned)(fast["params"])
        moved = {name: p + rate * gradient[name] for name, p in fast["params"].items()}
        return {"params": moved, "steps": fast["steps"] + 1}

    def log_probability(self, said: Tensor, tried: Tried) -> Tensor:
        """(H, K) of the actions taken, 0 after an episode's end."""
        return torch.where(tried.real, self.kind.log_probability(said, tried.action), 0.0)

    def worth(self, params: Params, fast: Tree, trials: Trials, allowed: Tensor) -> Tried:
        return worth(self, params, fast, trials, allowed, self.discount, self.trace)

    def ascend_all(self, params: Params, fast: Tree, tried: Tried) -> Tree:
        """In T tasks, without a graph."""
        with torch.no_grad():
            return vmap(self.ascend, in_dims=(None, 0, 0))(params, fast, tried)

    def rounds(
        self, params: Params, tasks: TaskDistribution, task: Tree, rounds: int, generator: Generator
    ) -> Iterator[Tried]:
        """What is tried in T tasks before the first step, and after each one."""
        allowed = allowed_in(tasks, task)
        fast = self.begin(params, (len(allowed),))
        for left in reversed(range(rounds)):
            trials = attempt(self, params, fast, tasks, task, self.rollouts, generator)
            with torch.no_grad():
                tried = self.worth(params, fast, trials, allowed)
            yield tried
            if left:
                fast = self.ascend_all(params, fast, tried)

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]:
        """Try in new tasks, before and after the inner steps; then one outer step by all of it."""
        task = tasks.world.sample(count, generator)
        rounds = self.inner_steps + 1
        tried = list(self.rounds(moving.params, tasks, task, rounds, generator))
        returns = torch.stack([one.returns.mean(1) for one in tried], 1)
        taken = sum(int(one.real.sum()) for one in tried)
        moving, loss = self.outer(moving, self.cost, tried)
        return moving, Found(returns, taken, loss)

    def cost(self, params: Params, tried: Sequence[Tried]) -> tuple[Tensor, Tensor]:
        """(loss, divergence from the policy that acted), after the inner steps; means over tasks."""
        losses, divergences = vmap(partial(self.task_cost, params))(tuple(tried))
        return losses.mean(), divergences.mean()

    def task_cost(self, params: Params, tried: tuple[Tried, ...]) -> tuple[Tensor, Tensor]:
        fast, last = self.begin(params), tried[-1]
        for one in tried[:-1]:
            fast = self.ascend(params, fast, one)
        said = self.said(params, fast, last.observation, last.allowed)
        now, before = (self.log_probability(one, last) for one in (said, last.said))
        loss = self.outer.loss(now, before, last.advantage)
        apart = self.kind.divergence(last.said, said)
        count = last.real.sum()
        loss, apart = (torch.where(last.real, each, 0.0).sum() / count for each in (loss, apart))
        return loss, apart

    def policy(self, params: Params) -> Practising:
        return Practising(self, params)
