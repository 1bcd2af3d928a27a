"""The learner of reinforcement learning: a method for one task, and what it makes of experience."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from innerloop.arguments import arguments_of
from innerloop.core import Meta, Params
from innerloop.errors import InputError
from innerloop.outer.learner import Spec, Suggestions, check_settings
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.ppo import choose, masked
from innerloop.reinforcement.rollout import Policy
from innerloop.tree import Tree, rows, tree_map


class Found(NamedTuple):
    """What a phase of training saw. returns (T, episodes); steps: taken by the environments."""

    returns: Tensor
    steps: int
    loss: float


class Improves(Protocol):
    """A method: functions of one task's tensors, which may have further leading dimensions.

    init(generator) -> params; begin(params, (T,)) -> fast, before any experience; observe(params,
    fast, step) -> fast; predict(params, fast, observation) -> logits (A,) of the actions;
    improve(moving, tasks, count, generator) -> (moving, found): one outer step, on `count` new tasks.
    """

    def init(self, generator: Generator | None) -> Params: ...

    def begin(self, params: Params, shape: tuple[int, ...]) -> Tree: ...

    def observe(self, params: Params, fast: Tree, step: Step) -> Tree: ...

    def predict(self, params: Params, fast: Tree, observation: Tensor) -> Tensor: ...

    def improve(
        self, moving: Moving, tasks: TaskDistribution, count: int, generator: Generator
    ) -> tuple[Moving, Found]: ...


@dataclass(frozen=True)
class Agent:
    """A learner whose support set is experience: the house's contract, step by step.

    adapt(meta, experience) -> fast takes in steps (L, ...) in their order; observe(meta, fast, step)
    one more; predict(meta, fast, observation) says what to do: logits of the actions.

    >>> from innerloop.reinforcement import bandits, rl2
    >>> agent = rl2(bandits(arms=3), hidden=8)
    >>> meta = agent.init(torch.Generator().manual_seed(0))
    >>> agent.predict(meta, agent.begin(meta), torch.zeros(0)).shape
    torch.Size([3])
    """

    method: Improves
    tasks: TaskDistribution
    spec: Spec
    suggestions: Suggestions

    def init(self, generator: Generator | None = None) -> Meta:
        """What is learnt across tasks, before it is learnt."""
        return Meta(self.method.init(generator), {})

    def begin(self, meta: Meta) -> Tree:
        """What is known of a task before any experience."""
        return self.method.begin(meta.params, ())

    def observe(self, meta: Meta, fast: Tree, step: Step) -> Tree:
        """Advance by one step of experience; `fast` is left as it was."""
        with torch.no_grad():
            return self.method.observe(meta.params, fast, step)

    def adapt(self, meta: Meta, experience: Step, *, fast: Tree = None) -> Tree:
        """Take in the steps of one task, each leaf (L, ...), after those that `fast` knows."""
        fast = self.begin(meta) if fast is None else fast
        if (whole := getattr(self.method, "adapt", None)) is not None:
            return whole(meta.params, fast, experience)
        for t in range(rows(experience)):
            fast = self.observe(meta, fast, tree_map(lambda leaf, t=t: leaf[t], experience))
        return fast

    def predict(self, meta: Meta, fast: Tree, observation: Tensor) -> Tensor:
        with torch.no_grad():
            return self.method.predict(meta.params, fast, observation)

    def embed(self, meta: Meta, fast: Tree) -> Tensor:
        """A place on a map of tasks, of learners that have a belief (varibad), else of the state."""
        own = getattr(self.method, "embed", None)
        with torch.no_grad():
            return fast if own is None else own(meta.params, fast)

    def policy(self, meta: Meta) -> Policy:
        """As one that acts in many tasks at once, at random as its logits say."""
        own = getattr(self.method, "policy", None)
        return Acting(self.method, meta.params) if own is None else own(meta.params)

    def replace(self, tasks: TaskDistribution | None = None, **settings: Any) -> Agent:
        """The same learner with other settings, or for trials of another length."""
        check_settings(self.spec.constructor, settings)
        tasks = self.tasks if tasks is None else tasks
        return self.spec.constructor(tasks, **{**self.spec.settings, **settings})  # type: ignore[return-value, arg-type]


@dataclass(frozen=True)
class Acting:
    """A method with its weights, as a `Policy`."""

    method: Improves
    params: Params

    def begin(self, tasks: int, generator: Generator) -> Tree:
        return self.method.begin(self.params, (tasks,))

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        logits = masked(self.method.predict(self.params, memory, observation), allowed)
        return choose(logits, generator), None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        return self.method.observe(self.params, memory, step)


def for_choices(name: str, tasks: TaskDistribution) -> None:
    """Refuse tasks whose actions are numbers."""
    if tasks.world.continuous:
        raise InputError(
            f"{name} chooses among actions, and those of {tasks.name} are numbers; train it on bandits, tabular_mdps or gridnavi.",
            f"{name} 在若干动作中选择，而 {tasks.name} 的动作是数值；请在 bandits、tabular_mdps 或 gridnavi 上训练。",
        )


def agent(**suggested: Any) -> Callable[[Callable[..., Improves]], Callable[..., Agent]]:
    """Make a function `name(tasks, *, settings...) -> method` a learner's constructor."""

    def wrap(function: Callable[..., Improves]) -> Callable[..., Agent]:
        @functools.wraps(function)
        def construct(*args: Any, **settings: Any) -> Agent:
            call = arguments_of(function, args, settings)
            tasks = call.pop("tasks")
            spec = Spec(construct, None, call)  # type: ignore[arg-type]
            method = function(tasks, **call)
            suggestions = Suggestions(**suggested | getattr(method, "suggested", {}))
            return Agent(method, tasks, spec, suggestions)

        construct.suggestions = Suggestions(**suggested)  # type: ignore[attr-defined]
        return construct

    return wrap
