"""The decision-pretrained transformer (Lee et al. 2023, arXiv:2306.14892)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from innerloop.core import Params
from innerloop.errors import InputError
from innerloop.reinforcement.agent import Found, Improves, agent, for_choices
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.networks.attention import along, asked, read, transformer_weights
from innerloop.reinforcement.networks.linear import linear, linear_weights
from innerloop.reinforcement.ppo import choose, masked, one_hot
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import Tree


@dataclass(frozen=True)
class DecisionPretrained:
    """logits = transformer(steps so far; observation)"""

    observations: int
    actions: int
    width: int
    heads: int
    layers: int

    def init(self, generator: Generator | None) -> Params:
        inputs = 2 * self.observations + self.actions + 2
        params = linear_weights("token", inputs, self.width, generator)
        params |= linear_weights("question", max(1, self.observations), self.width, generator)
        params["first"] = torch.zeros(self.width)
        params |= transformer_weights("body", self.width, self.layers, generator)
        return params | linear_weights("policy", self.width, self.actions, generator, 0.1)

    def begin(self, params: Params, shape: tuple[int, ...]) -> Tree:
        first = params["first"].expand(*shape, self.width)
        return read(params, "body", self.layers, self.heads, first, None)

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree:
        return read(params, "body", self.layers, self.heads, self.token(params, step), fast)

    def predict(self, params: Params, fast: Tree, observation: Tensor) -> Tensor:
        question = self.question(params, observation)
        answer = asked(params, "body", self.layers, self.heads, question, fast)
        return linear(params, "policy", answer)

    def token(self, params: Params, step: Step) -> Tensor:
        """(..., D) of a step"""
        parts = [one_hot(step.action, self.actions), step.reward[..., None]]
        parts += [step.ended[..., None].float(), step.observation, step.following]
        return linear(params, "token", torch.cat(parts, -1))

    def question(self, params: Params, observation: Tensor) -> Tensor:
        """(..., D) what to do where this is observed"""
        if not self.observations:
            observation = observation.new_ones(*observation.shape[:-1], 1)
        return linear(params, "question", observation)

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]:
        """Wander in new tasks, and learn what would have been best after each step."""
        task = tasks.world.sample(count, generator)
        acted = rollout(Wandering(self.actions), tasks, task, count, generator)
        trials = acted.trials
        world: Any = tasks.world
        best = world.best(task, trials.steps.observation)

        def loss(params: Params) -> Tensor:
            logits = masked(self.answers(params, trials.steps), acted.allowed)
            each = F.cross_entropy(logits.flatten(0, 1), best.flatten(), reduction="none")
            return each[trials.real.flatten()].mean()

        moving, mean = moving.down(loss)
        return moving, Found(trials.returns(tasks.trial_episodes), trials.taken, mean)

    def answers(self, params: Params, steps: Step) -> Tensor:
        """(L, T, A) logits before each step of (L, T, ...)"""
        before = self.token(params, Step(*(leaf[:-1] for leaf in steps))).transpose(0, 1)
        first = params["first"].expand(len(before), 1, self.width)
        tokens = torch.cat([first, before], 1)
        questions = self.question(params, steps.observation).transpose(0, 1)
        found = along(params, "body", self.layers, self.heads, tokens, questions)
        return linear(params, "policy", found).transpose(0, 1)


@dataclass(frozen=True)
class Wandering:
    """What trials are pretrained on: in each task its own odds of the actions, and in half of them
    one action has a share ~ U[0, 1] besides."""

    actions: int

    def begin(self, tasks: int, generator: Generator) -> Tree:
        odds = torch.empty(tasks, self.actions).exponential_(generator=generator)
        odds = odds / odds.sum(1, keepdim=True)
        share = torch.rand(tasks, 1, generator=generator)
        share = share * (torch.rand(tasks, 1, generator=generator) < 0.5)
        one = one_hot(torch.randint(self.actions, (tasks,), generator=generator), self.actions)
        return ((1 - share) * odds + share * one).log()

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        return choose(masked(memory, allowed), generator), None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        return memory


@agent(steps=2_000, meta_batch=256, lr=1e-3, schedule="linear")
def dpt(tasks: TaskDistribution, *, width: int = 64, heads: int = 2, layers: int = 2) -> Improves:
    """Decision-pretrained transformer: it learns to say what would be best, given any trial.

        min E [-log p(best action | steps so far, observation)]

    (Lee et al. 2023, arXiv:2306.14892.) Acting by its probabilities is posterior sampling: an action
    is taken as often as it is believed to be best. Pretrained by supervision, on trials of policies
    that wander, in environments that tell the best action: bandits, gridnavi, dark_room. The return
    shown in training is that of those policies; the validation is its own.

    width, heads, layers: of the transformer.

    >>> from innerloop.reinforcement import bandits
    >>> agent = dpt(bandits(arms=3), width=8)
    >>> meta = agent.init(torch.Generator().manual_seed(0))
    >>> agent.predict(meta, agent.begin(meta), torch.zeros(0)).shape
    torch.Size([3])
    """
    for_choices("dpt", tasks)
    if not hasattr(tasks.world, "best"):
        raise InputError(
            f"dpt learns from the best action, and {tasks.name} does not tell it; train rl2 there, or dpt on bandits.",
            f"dpt 需要最优动作来学习，而 {tasks.name} 不提供；请在那里训练 rl2，或在 bandits 上训练 dpt。",
        )
    if width % heads:
        raise InputError(
            f"width must be a multiple of heads, got {width} and {heads}; 64 and 2 will do.",
            f"width 必须是 heads 的整数倍，收到 {width} 和 {heads}；例如 64 和 2。",
        )
    return DecisionPretrained(tasks.world.observations, tasks.world.actions, width, heads, layers)
