"""MAML for policies: a start from which a policy gradient step solves a task (Finn et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Generator, Tensor
from torch.func import grad, vmap

from innerloop.core import Params
from innerloop.errors import InputError, not_one_of
from innerloop.reinforcement.agent import Found, Improves, agent
from innerloop.reinforcement.credit import CREDITS, Credit
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.environments.distribution import check_whole
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.networks.policies import Categorical, Gaussian, Kind, Perceptron
from innerloop.reinforcement.ppo import clipped_loss
from innerloop.reinforcement.practice import Practising
from innerloop.reinforcement.tried import Tried, allowed_in, attempt, episodes_of, worth
from innerloop.reinforcement.trust import TrustRegion
from innerloop.tree import Tree, tree_map


@dataclass(frozen=True)
class Ascent:
    """Policy gradient steps from a start that is learnt across tasks, each on `episodes` episodes.

    fast: {"params": those that the steps move, "steps": how many were taken}. With a context they
    move it alone, and it begins at zero; otherwise they move everything.
    """

    network: Perceptron
    kind: Kind
    credit: Credit
    episodes: int
    inner_lr: float
    later: float
    inner_steps: int
    discount: float
    trace: float
    outer: Literal["trpo", "ppo"]
    region: TrustRegion
    stride: int
    clip: float
    epochs: int

    @property
    def suggested(self) -> dict[str, Any]:
        return {"lr": 1e-3} if self.outer == "ppo" else {}

    def init(self, generator: Generator | None) -> Params:
        return self.network.init(generator) | self.kind.init(self.network.actions)

    def begin(self, params: Params, shape: tuple[int, ...] = ()) -> Tree:
        some = next(iter(params.values()))
        moving = {"context": some.new_zeros(self.network.context)} if self.network.context else params
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
        many, allowed = one_row(fast), torch.ones(1, self.network.actions, dtype=torch.bool)
        tried = self.worth(params, many, episodes_of(experience), allowed)
        return tree_map(lambda leaf: leaf[0], self.ascend_all(params, many, tried))

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree:
        raise InputError(
            "maml learns from whole episodes, not from one step; give those of a task to adapt(meta, experience).",
            "maml 从完整的回合中学习，而不是从单步；请把某个任务的回合交给 adapt(meta, experience)。",
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
        for number in range(rounds):
            if number:
                fast = self.ascend_all(params, fast, tried)
            trials = attempt(self, params, fast, tasks, task, self.episodes, generator)
            with torch.no_grad():
                tried = self.worth(params, fast, trials, allowed)
            yield tried

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]:
        """Try in new tasks, before and after the inner steps; then one outer step by all of it."""
        task = tasks.world.sample(count, generator)
        rounds = self.inner_steps + 1
        tried = list(self.rounds(moving.params, tasks, task, rounds, generator))
        returns = torch.stack([one.returns.mean(1) for one in tried], 1)
        taken = sum(int(one.real.sum()) for one in tried)
        if self.outer == "trpo":
            thin = [one.every(self.stride) for one in tried]
            moving, loss = self.region(
                moving, partial(self.cost, tried=tried), partial(self.cost, tried=thin)
            )
            return moving, Found(returns, taken, loss)
        losses = []
        for _ in range(self.epochs):
            moving, loss = moving.down(lambda params: self.cost(params, tried)[0])
            losses.append(loss)
        return moving, Found(returns, taken, sum(losses) / len(losses))

    def cost(self, params: Params, tried: list[Tried]) -> tuple[Tensor, Tensor]:
        """(loss, divergence from the policy that acted), after the inner steps; means over tasks."""
        losses, divergences = vmap(partial(self.task_cost, params))(tuple(tried))
        return losses.mean(), divergences.mean()

    def task_cost(self, params: Params, tried: tuple[Tried, ...]) -> tuple[Tensor, Tensor]:
        fast, last = self.begin(params), tried[-1]
        for one in tried[:-1]:
            fast = self.ascend(params, fast, one)
        said = self.said(params, fast, last.observation, last.allowed)
        now, before = (self.log_probability(one, last) for one in (said, last.said))
        if self.outer == "ppo":
            loss = clipped_loss(now, before, last.advantage, self.clip)
        else:
            loss = -(now - before).exp() * last.advantage
        apart = torch.where(last.real, self.kind.divergence(last.said, said), 0.0)
        return torch.where(last.real, loss, 0.0).sum() / last.real.sum(), apart.sum() / last.real.sum()

    def policy(self, params: Params) -> Practising:
        return Practising(self, params)


def one_row(fast: Tree) -> Tree:
    return tree_map(lambda leaf: leaf[None], fast)


@agent(steps=500, meta_batch=20, lr=1.0, schedule="constant")
def maml(
    tasks: TaskDistribution,
    *,
    inner_lr: float = 0.1,
    later: float = 0.5,
    inner_steps: int = 1,
    episodes: int = 20,
    hidden: int = 64,
    layers: int = 2,
    deviation: float = 1.0,
    context: int = 0,
    estimator: str = "lvc",
    outer: str = "trpo",
    discount: float = 0.99,
    trace: float = 1.0,
    max_kl: float = 0.01,
    iterations: int = 10,
    damping: float = 1e-5,
    stride: int = 5,
    ratio_clip: float = 0.2,
    epochs: int = 5,
) -> Improves:
    """x"""
    kind = Gaussian(deviation) if tasks.world.continuous else Categorical()
    return Ascent(Perceptron(tasks.world.observations, hidden, layers, tasks.world.actions, context),
       kind, CREDITS[estimator], episodes, inner_lr, later, inner_steps, discount, trace, outer,
       TrustRegion(max_kl, iterations, damping), stride, ratio_clip, epochs)
