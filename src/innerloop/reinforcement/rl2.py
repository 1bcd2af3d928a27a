"""RL²: a recurrent policy that learns within its state (Duan et al. 2016, arXiv:1611.02779)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.core import Params
from innerloop.reinforcement.agent import Found, Improves, agent, for_choices
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.networks.gru import along, cell
from innerloop.reinforcement.networks.linear import gru_weights, linear, linear_weights
from innerloop.reinforcement.phase import Batch, passes, ppo_loss, trials_of
from innerloop.reinforcement.ppo import one_hot
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
        return 2 * self.actions * (1 + self.observations) + self.observations + 1

    def init(self, generator: Generator | None) -> Params:
        seen, wide = self.hidden + self.observations, self.hidden
        params = gru_weights("gru", self.inputs, self.hidden, generator)
        if self.observations:
            params |= linear_weights("joint", seen, wide, generator, 2**0.5)
        ways = 1 + self.observations
        params |= linear_weights("policy", wide, self.actions * ways, generator, 0.01)
        return params | linear_weights("value", wide, 1, generator)

    def begin(self, params: Params, shape: tuple[int, ...]) -> Tree:
        return params["gru.state"].new_zeros(*shape, self.hidden)

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree:
        return cell(params, "gru", self.input(step), fast)

    def input(self, step: Step) -> Tensor:
        """(..., I) the action where it was taken, that times its reward, and what followed. In these
        products sums over steps are what there is to know of a table of rewards."""
        place = with_one(step.observation)
        done = (one_hot(step.action, self.actions)[..., None] * place[..., None, :]).flatten(-2)
        parts = [done, done * step.reward[..., None], step.following]
        return torch.cat([*parts, step.ended[..., None].float()], -1)

    def predict(self, params: Params, fast: Tree, observation: Tensor) -> Tensor:
        return self.heads(params, fast, observation)[0]

    def seen(self, params: Params, h: Tensor, observation: Tensor) -> Tensor:
        if not self.observations:
            return h
        return linear(params, "joint", torch.cat([h, observation], -1)).tanh()

    def heads(self, params: Params, h: Tensor, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(logits (..., A), value (...))"""
        seen = self.seen(params, h, observation)
        table = linear(params, "policy", seen).unflatten(-1, (self.actions, -1))
        logits = (table * with_one(observation)[..., None, :]).sum(-1)
        return logits, linear(params, "value", seen)[..., 0]

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]:
        """Act in new tasks with the weights as they are, then several epochs of PPO."""
        batch = trials_of(self, moving.params, tasks, count, generator, self.discount, self.trace)

        def loss(params: Params, part: Tensor) -> Tensor:
            return self.loss(params, batch.of(part))

        moving, mean = passes(moving, count, self.epochs, self.minibatches, generator, loss)
        return moving, Found(batch.trials.returns(tasks.trial_episodes), batch.trials.taken, mean)

    def loss(self, params: Params, batch: Batch) -> Tensor:
        """PPO's loss over whole trials, from their beginning."""
        steps, real = batch.trials.steps, batch.trials.real
        start = self.begin(params, real.shape[1:])
        states = along(params, "gru", self.input(Step(*(leaf[:-1] for leaf in steps))), start)
        h = torch.cat([start[None], states])  # (L, T, H) before each step
        logits, value = self.heads(params, h, steps.observation)
        return ppo_loss(logits, value, batch, self.clip, self.entropy)


def with_one(observation: Tensor) -> Tensor:
    """(..., 1 + O)"""
    return torch.cat([observation.new_ones(*observation.shape[:-1], 1), observation], -1)


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

        h_t = GRU(h_t-1; action x (1, observation), reward x the same, next observation, ended)
        action ~ softmax(policy(h, observation) (1, observation))

    (Duan et al. 2016, arXiv:1611.02779.) The state is kept across the episodes of a trial, and
    forgotten between trials. Trained by PPO on the return of whole trials.

    hidden: width of the GRU. discount, trace: of the advantages. ratio_clip: of PPO's ratio. entropy:
    bonus for indecision. epochs, minibatches: passes over a phase's trials, and parts of each.

    >>> from innerloop.reinforcement import bandits
    >>> rl2(bandits(arms=3), hidden=32).spec.settings["hidden"]
    32
    """
    for_choices("rl2", tasks)
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
