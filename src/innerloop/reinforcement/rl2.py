"""RL²: a recurrent policy that learns within its state (Duan et al. 2016, arXiv:1611.02779)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.reinforcement.agent import Found, Improves, agent
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.networks.gru import along, cell
from innerloop.reinforcement.networks.linear import gru_weights, linear, linear_weights
from innerloop.reinforcement.ppo import (
    advantages,
    choose,
    clipped_loss,
    entropy,
    log_probability,
    masked,
    one_hot,
    usual,
)
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import Tree


@dataclass(frozen=True)
class Recurrent:
    """h' = gru(step, h);  logits, value = heads(h, observation)."""

    observations: int
    actions: int
    hidden: int
    discount: float
    trace: float
    clip: float
    entropy: float
    epochs: int
    minibatches: int

    @property
    def inputs(self) -> int:
        return 2 * self.observations + self.actions + 2

    def init(self, generator: Generator | None) -> Params:
        seen, wide = self.hidden + self.observations, self.hidden
        params = gru_weights("gru", self.inputs, self.hidden, generator)
        if self.observations:
            params |= linear_weights("joint", seen, wide, generator, 2**0.5)
        params |= linear_weights("policy", wide, self.actions, generator, 0.01)
        return params | linear_weights("value", wide, 1, generator)

    def begin(self, params: Params, shape: tuple[int, ...]) -> Tree:
        return params["gru.state"].new_zeros(*shape, self.hidden)

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree:
        return cell(params, "gru", self.input(step), fast)

    def input(self, step: Step) -> Tensor:
        """(..., I)"""
        parts = [one_hot(step.action, self.actions), step.reward[..., None]]
        parts += [step.ended[..., None].float()]
        if self.observations:
            parts += [step.observation, step.following]
        return torch.cat(parts, -1)

    def predict(self, params: Params, fast: Tree, observation: Tensor) -> Tensor:
        return linear(params, "policy", self.seen(params, fast, observation))

    def seen(self, params: Params, h: Tensor, observation: Tensor) -> Tensor:
        if not self.observations:
            return h
        return linear(params, "joint", torch.cat([h, observation], -1)).tanh()

    def heads(self, params: Params, h: Tensor, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(logits (..., A), value (...))"""
        seen = self.seen(params, h, observation)
        return linear(params, "policy", seen), linear(params, "value", seen)[..., 0]

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]:
        """Act in new tasks with the weights as they are, then several epochs of PPO."""
        task = tasks.world.sample(count, generator)
        with torch.no_grad():
            acted = rollout(Chosen(self, moving.params), tasks, task, count, generator)
        trials = acted.trials
        logged, values = (torch.stack(part) for part in zip(*acted.kept, strict=True))
        reward, real = trials.steps.reward, trials.real
        centre, spread = usual(reward, real, self.discount)
        found = advantages(reward, centre + spread * values, real, self.discount, self.trace)
        target = values + found / spread
        size = found[real].std().clamp(min=1e-6)
        batch = Batch(trials, logged, found / size, target, acted.allowed)
        losses = []
        for _ in range(self.epochs):
            order = torch.randperm(count, generator=generator)
            for part in order.chunk(self.minibatches):
                some = batch.of(part)
                moving, loss = moving.down(partial(self.loss, batch=some))
                losses.append(loss)
        mean = sum(losses) / len(losses)
        return moving, Found(trials.returns(tasks.trial_episodes), trials.taken, mean)

    def loss(self, params: Params, batch: Batch) -> Tensor:
        """PPO's loss over whole trials, from their beginning."""
        steps, real = batch.trials.steps, batch.trials.real
        start = self.begin(params, real.shape[1:])
        states = along(params, "gru", self.input(Step(*(leaf[:-1] for leaf in steps))), start)
        h = torch.cat([start[None], states])  # (L, T, H) before each step
        logits, value = self.heads(params, h, steps.observation)
        logged = masked(logits, batch.allowed).log_softmax(-1)
        now = log_probability(logged, steps.action)
        policy = clipped_loss(now, batch.logged, batch.advantage, self.clip)
        error = (value - batch.target).square()
        each = policy + 0.5 * VALUE * error - self.entropy * entropy(logged)
        return torch.where(real, each, 0.0).sum() / real.sum()


VALUE = 0.5  # weight of the value's error


class Batch(NamedTuple):
    """logged: log-probabilities of the actions as they were chosen; target: of the value,
    from the usual one in units of `ppo.usual`."""

    trials: Trials
    logged: Tensor
    advantage: Tensor
    target: Tensor
    allowed: Tensor | None

    def of(self, tasks: Tensor) -> Batch:
        steps, real, episode = self.trials
        some = Trials(Step(*(leaf[:, tasks] for leaf in steps)), real[:, tasks], episode[:, tasks])
        allowed = None if self.allowed is None else self.allowed[tasks]
        logged, advantage, target = (
            leaf[:, tasks] for leaf in (self.logged, self.advantage, self.target)
        )
        return Batch(some, logged, advantage, target, allowed)


@dataclass(frozen=True)
class Chosen:
    """The policy in training: it also keeps log-probabilities and values."""

    method: Recurrent
    params: Params

    def begin(self, tasks: int, generator: Generator) -> Tree:
        return self.method.begin(self.params, (tasks,))

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        logits, value = self.method.heads(self.params, memory, observation)
        logged = masked(logits, allowed).log_softmax(-1)
        action = choose(logged, generator)
        return action, (log_probability(logged, action), value)

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        return self.method.observe(self.params, memory, step)


@agent(steps=260, meta_batch=5_000, lr=2e-3, schedule="linear")
def rl2(
    tasks: TaskDistribution,
    *,
    hidden: int = 64,
    discount: float = 0.99,
    trace: float = 0.3,
    ratio_clip: float = 0.1,
    entropy: float = 0.01,
    epochs: int = 8,
    minibatches: int = 8,
) -> Improves:
    """RL²: the policy is a recurrent network, and what it learns of a task is its state.

        h_t = GRU(h_t-1; observation, action, reward, ended, next observation)
        action ~ softmax(policy(h, observation))

    (Duan et al. 2016, arXiv:1611.02779.) The state is kept across the episodes of a trial, and
    forgotten between trials. Trained by PPO on the return of whole trials.

    hidden: width of the GRU. discount, trace: of the advantages. ratio_clip: of PPO's ratio. entropy:
    bonus for indecision. epochs, minibatches: passes over a phase's trials, and parts of each.

    >>> from innerloop.reinforcement import bandits
    >>> rl2(bandits(arms=3), hidden=32).spec.settings["hidden"]
    32
    """
    if tasks.world.continuous:
        raise InputError(
            f"rl2 chooses among actions, and those of {tasks.name} are numbers; train it on bandits, tabular_mdps or gridnavi.",
            f"rl2 在若干动作中选择，而 {tasks.name} 的动作是数值；请在 bandits、tabular_mdps 或 gridnavi 上训练。",
        )
    return Recurrent(
        tasks.world.observations,
        tasks.world.actions,
        hidden,
        discount,
        trace,
        ratio_clip,
        entropy,
        epochs,
        minibatches,
    )
