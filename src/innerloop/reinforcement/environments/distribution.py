"""A distribution of environments: sample a task, set a task, and take steps in many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Generator, Tensor

from innerloop.arguments import arguments_of
from innerloop.errors import InputError, MissingExtra
from innerloop.tree import Tree, tree_map

if TYPE_CHECKING:
    from innerloop.reinforcement.environments.gym import TensorEnv, TensorVectorEnv


class Outcome(NamedTuple):
    """What T actions lead to: the states after them, rewards (T,), and over (T,) bool, whether the
    environment itself ended the episode (the end of the horizon is not its business)."""

    state: Tree
    reward: Tensor
    over: Tensor


class World(Protocol):
    """An environment with a task that can be set, as functions of T tasks at once; every leaf of a
    task or a state begins with (T,).

    observations: numbers in an observation. actions: how many there are to choose from or, where
    `continuous`, how many numbers make one (each within [-1, 1]). horizon: the longest episode.
    reach: no number of an observation lies further from 0.
    """

    @property
    def observations(self) -> int: ...
    @property
    def actions(self) -> int: ...
    @property
    def continuous(self) -> bool: ...
    @property
    def horizon(self) -> int: ...
    @property
    def reach(self) -> float: ...

    def sample(self, tasks: int, generator: Generator) -> Tree:
        """So many tasks."""

    def begin(self, task: Tree, generator: Generator) -> Tree:
        """The states in which episodes begin."""

    def observe(self, task: Tree, state: Tree) -> Tensor:
        """(T, O)"""

    def step(self, task: Tree, state: Tree, action: Tensor, generator: Generator) -> Outcome: ...


@dataclass(frozen=True)
class TaskDistribution:
    """Tasks of one world, met in trials of `trial_episodes` episodes each.

    settings: what makes it again by its name.

    >>> from innerloop.reinforcement import bandits
    >>> tasks = bandits(arms=5, trial_episodes=10)
    >>> tasks.sample(3, seed=0)["means"].shape
    torch.Size([3, 5])
    >>> tasks.vector(4).reset(seed=0)[0].shape
    (4, 1)
    """

    name: str
    world: World
    settings: dict[str, Any]
    trial_episodes: int

    @property
    def steps(self) -> int:
        """The longest trial."""
        return self.trial_episodes * self.world.horizon

    def sample(self, tasks: int, seed: int = 0) -> Tree:
        """So many tasks: the same for the same seed."""
        return self.world.sample(tasks, Generator().manual_seed(seed))

    def at_most(self, count: int) -> int:
        """So many environments at once, or what a world of costly ones bears (its `at_once`)."""
        return min(count, getattr(self.world, "at_once", count))

    def allowed(self, task: Tree) -> Tensor | None:
        """(T, A) True for actions that a task has, where tasks differ in them; else None."""
        found: Callable[[Tree], Tensor | None] | None = getattr(self.world, "allowed", None)
        return None if found is None else found(task)

    def begin_again(self, task: Tree, state: Tree, over: Tensor, generator: Generator) -> Tree:
        """The states after those episodes that are `over` (T,) have begun anew."""
        own = getattr(self.world, "begin_again", None)
        if own is not None:
            return own(task, state, over, generator)
        if not over.any():
            return state
        fresh = self.world.begin(task, generator)
        if over.all():
            return fresh
        return tree_map(lambda new, old: torch.where(_along(over, new), new, old), fresh, state)

    def replace(self, *, trial_episodes: int | None = None) -> TaskDistribution:
        """The same tasks in trials of another length."""
        if trial_episodes is None:
            return self
        check_whole("trial_episodes", trial_episodes)
        settings = {**self.settings, "trial_episodes": trial_episodes}
        return replace(self, trial_episodes=trial_episodes, settings=settings)

    def vector(self, num_envs: int, seed: int = 0) -> TensorVectorEnv:
        """So many of these environments as a `gymnasium.vector.VectorEnv`, each with a task of its
        own; needs innerloop[rl]."""
        check_whole("num_envs", num_envs)
        return gym().TensorVectorEnv(self, num_envs, seed)

    def single(self, seed: int = 0) -> TensorEnv:
        """One of these environments as a `gymnasium.Env`; needs innerloop[rl]."""
        return gym().TensorEnv(self, seed)


def gym() -> Any:
    """What needs gymnasium, read only when it is called for."""
    try:
        from innerloop.reinforcement.environments import gym as ours
    except ImportError as error:
        raise MissingExtra("rl", "gymnasium's environments") from error
    return ours


def _along(over: Tensor, leaf: Tensor) -> Tensor:
    return over.view(-1, *[1] * (leaf.dim() - 1))


def distribution(make: Callable[..., World]) -> Callable[..., TaskDistribution]:
    """Let `name(*, settings...) -> World` be called as `name(*, settings..., trial_episodes)`: a
    distribution that remembers the call. The function's attribute `trial_episodes` is the default.
    """

    @functools.wraps(make)
    def construct(*, trial_episodes: int | None = None, **settings: Any) -> TaskDistribution:
        settings = arguments_of(make, (), settings)
        episodes = construct.trial_episodes if trial_episodes is None else trial_episodes  # type: ignore[attr-defined]
        check_whole("trial_episodes", episodes)
        return TaskDistribution(
            make.__name__, make(**settings), {**settings, "trial_episodes": episodes}, episodes
        )

    construct.trial_episodes = 1  # type: ignore[attr-defined]
    return construct


def in_trials_of(episodes: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How many episodes a trial has where nobody says."""

    def mark(construct: Callable[..., Any]) -> Callable[..., Any]:
        construct.trial_episodes = episodes  # type: ignore[attr-defined]
        return construct

    return mark


def check_whole(name: str, value: Any, least: int = 1) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(
            f"{name} must be a whole number of at least {least}, got {value!r}; {least + 4} will do.",
            f"{name} 必须是不小于 {least} 的整数，收到 {value!r}；例如 {least + 4}。",
        )
