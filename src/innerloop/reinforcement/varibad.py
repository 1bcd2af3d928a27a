"""VariBAD: a policy that acts on its belief about the task (Zintgraf et al. 2020, arXiv:1910.08348)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.core import Params
from innerloop.reinforcement.agent import Found, Improves, agent, for_choices
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.networks.gru import along, cell
from innerloop.reinforcement.networks.linear import gru_weights, linear, linear_weights
from innerloop.reinforcement.phase import passes, ppo_loss, trials_of
from innerloop.reinforcement.ppo import one_hot
from innerloop.tree import Tree

NARROWEST = -5.0  # log-variance


@dataclass(frozen=True)
class Believing:
    """h' = gru(step, h);  belief N(m(h), s(h)) of the task;  logits, value = heads(belief, o)"""

    observations: int
    actions: int
    hidden: int
    latent: int
    width: int
    discount: float
    trace: float
    clip: float
    entropy: float
    epochs: int
    minibatches: int
    looks: int
    kl: float
    weight: float

    def init(self, generator: Generator | None) -> Params:
        told = 2 * self.observations + self.actions + 1  # of a step but for its reward
        params = gru_weights("gru", told + 1, self.hidden, generator)
        params |= linear_weights("belief", self.hidden, 2 * self.latent, generator, 0.1)
        for name, inputs, outputs, scale in (
            ("policy", self.observations + 2 * self.latent, self.actions, 0.01),
            ("value", self.observations + 2 * self.latent, 1, 1.0),
            ("reward", told + self.latent, 1, 1.0),
        ):
            params |= linear_weights(f"{name}.first", inputs, self.width, generator, 2**0.5)
            params |= linear_weights(f"{name}.second", self.width, self.width, generator, 2**0.5)
            params |= linear_weights(f"{name}.last", self.width, outputs, generator, scale)
        return params

    def begin(self, params: Params, shape: tuple[int, ...]) -> Tree:
        return params["gru.state"].new_zeros(*shape, self.hidden)

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree:
        return cell(params, "gru", self.input(step), fast)

    def told(self, step: Step) -> Tensor:
        """(..., I - 1) what is known of a step before its reward"""
        parts = [one_hot(step.action, self.actions), step.ended[..., None].float()]
        return torch.cat([*parts, step.observation, step.following], -1)

    def input(self, step: Step) -> Tensor:
        return torch.cat([self.told(step), step.reward[..., None]], -1)

    def belief(self, params: Params, fast: Tree) -> tuple[Tensor, Tensor]:
        """(mean (..., Z), log-variance (..., Z)) of what the task is"""
        mean, log_variance = linear(params, "belief", fast).chunk(2, -1)
        return mean, log_variance.clamp(min=NARROWEST)

    def embed(self, params: Params, fast: Tree) -> Tensor:
        """(..., 2 Z) the belief as a place on a map of tasks"""
        return torch.cat(self.belief(params, fast), -1)

    def predict(self, params: Params, fast: Tree, observation: Tensor) -> Tensor:
        return self.heads(params, fast, observation)[0]

    def heads(self, params: Params, fast: Tree, observation: Tensor) -> tuple[Tensor, Tensor]:
        """(logits (..., A), value (...))"""
        return self.judged(params, self.embed(params, fast), observation)

    def judged(self, params: Params, belief: Tensor, observation: Tensor) -> tuple[Tensor, Tensor]:
        seen = torch.cat([belief, observation], -1)
        return mlp(params, "policy", seen), mlp(params, "value", seen)[..., 0]

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]:
        """Act in new tasks; then PPO on beliefs as they were, and the beliefs by what they foretell.
        No gradient of the return reaches the beliefs."""
        params = moving.params
        batch = trials_of(self, params, tasks, count, generator, self.discount, self.trace)
        steps = batch.trials.steps
        with torch.no_grad():
            beliefs = self.embed(params, self.states(params, batch.trials)[:-1])
        unit = steps.reward[batch.trials.real].std().clamp(min=1e-6)

        def loss(params: Params, part: Tensor) -> Tensor:
            some = batch.of(part)
            judged = self.judged(params, beliefs[:, part], some.trials.steps.observation)
            acting = ppo_loss(*judged, some, self.clip, self.entropy)
            return acting + self.weight * self.bound(params, some.trials, unit, generator)

        moving, mean = passes(moving, count, self.epochs, self.minibatches, generator, loss)
        return moving, Found(batch.trials.returns(tasks.trial_episodes), batch.trials.taken, mean)

    def states(self, params: Params, trials: Trials) -> Tensor:
        """(L + 1, T, H) before each step and after the last"""
        start = self.begin(params, trials.real.shape[1:])
        return torch.cat([start[None], along(params, "gru", self.input(trials.steps), start)])

    def bound(self, params: Params, trials: Trials, unit: Tensor, generator: Generator) -> Tensor:
        """How badly beliefs at `looks` moments foretell (and recall) the rewards of the whole trial,
        and how far each belief moves from the one before: the evidence's lower bound, negative."""
        mean, log_variance = self.belief(params, self.states(params, trials))
        moments = torch.randperm(len(mean), generator=generator)[: self.looks]
        noise = torch.randn(len(moments), *mean.shape[1:], generator=generator)
        drawn = mean[moments] + (0.5 * log_variance[moments]).exp() * noise
        told = self.told(trials.steps)
        pairs = torch.cat(
            [
                told.expand(len(moments), *told.shape),
                drawn[:, None].expand(-1, len(told), -1, -1),
            ],
            -1,
        )
        off = (mlp(params, "reward", pairs)[..., 0] - trials.steps.reward) / unit
        real = trials.real
        error = torch.where(real, off.square(), 0.0).sum() / (len(moments) * real.shape[1])
        old_mean = torch.cat([torch.zeros_like(mean[:1]), mean[:-1]])
        old_log_variance = torch.cat([torch.zeros_like(mean[:1]), log_variance[:-1]])
        apart = (log_variance.exp() + (mean - old_mean).square()) / old_log_variance.exp()
        moved = 0.5 * (apart - 1 + old_log_variance - log_variance).sum(-1)
        alive = torch.cat([torch.ones_like(real[:1]), real])
        moved = torch.where(alive, moved, 0.0).sum() / real.shape[1]
        return 0.5 * error + self.kl * moved


def mlp(params: Params, name: str, x: Tensor) -> Tensor:
    for layer in ("first", "second"):
        x = linear(params, f"{name}.{layer}", x).relu()
    return linear(params, f"{name}.last", x)


@agent(steps=400, meta_batch=1_000, lr=2e-3, schedule="linear")
def varibad(
    tasks: TaskDistribution,
    *,
    hidden: int = 64,
    latent: int = 5,
    width: int = 64,
    discount: float = 0.95,
    trace: float = 0.95,
    ratio_clip: float = 0.1,
    entropy: float = 0.01,
    epochs: int = 4,
    minibatches: int = 4,
    looks: int = 8,
    kl: float = 0.05,
    weight: float = 0.1,
) -> Improves:
    """VariBAD: the policy acts on a belief about which task it is in, and so explores to learn.

        q(m | steps so far) = N(mean(h_t), variance(h_t)),  h_t = GRU(h_t-1; step)
        action ~ softmax(policy(mean, log variance, observation))
        bound = E_q(m) [log p(all rewards of the trial | m)] - kl KL(q_t || q_t-1)

    (Zintgraf et al. 2020, arXiv:1910.08348.) The belief is learnt by what it foretells of the whole
    trial's rewards, the policy by PPO; no gradient of the return reaches the belief.

    hidden: width of the GRU. latent: numbers of a belief. width: of the other networks. discount,
    trace: of the advantages. ratio_clip: of PPO's ratio. entropy: bonus for indecision. epochs,
    minibatches: passes over a phase's trials, and parts of each. looks: moments of a trial whose
    belief is judged. kl: weight of the beliefs' motion; weight: of the bound beside PPO's loss.

    >>> from innerloop.reinforcement import gridnavi
    >>> agent = varibad(gridnavi(), hidden=16)
    >>> meta = agent.init(torch.Generator().manual_seed(0))
    >>> agent.embed(meta, agent.begin(meta)).shape
    torch.Size([10])
    """
    for_choices("varibad", tasks)
    sizes = hidden, latent, width
    rates = discount, trace, ratio_clip, entropy
    world = tasks.world
    return Believing(
        world.observations, world.actions, *sizes, *rates, epochs, minibatches, looks, kl, weight
    )
