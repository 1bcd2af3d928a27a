"""Grids in which one looks for a goal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.reinforcement.environments.distribution import (
    Outcome,
    World,
    check_whole,
    distribution,
    in_trials_of,
)
from innerloop.tree import Tree

MOVES = torch.tensor([[0, 0], [0, 1], [1, 0], [0, -1], [-1, 0]])  # stay, up, right, down, left


@dataclass(frozen=True)
class Grid:
    """task: goals (T, 2). state: places (T, 2), in whole numbers from 0 to size - 1.

    On the goal the reward is `found`, elsewhere `missed`. In a dark room the place is observed as
    one of size^2, in GridNavi as two numbers.
    """

    size: int
    horizon: int
    start: tuple[int, int]
    corner: int  # the goal lies outside the square of so many cells a side around (0, 0)
    found: float
    missed: float
    dark: bool
    actions = 5
    continuous = False
    reach = 1.0

    @property
    def observations(self) -> int:
        return self.size**2 if self.dark else 2

    @property
    def goals(self) -> Tensor:
        """(cells, 2) where a goal may be."""
        cells = torch.cartesian_prod(torch.arange(self.size), torch.arange(self.size))
        return cells[(cells >= self.corner).any(1)]

    def sample(self, tasks: int, generator: Generator) -> Tree:
        goals = self.goals
        return goals[torch.randint(len(goals), (tasks,), generator=generator)]

    def begin(self, task: Tree, generator: Generator) -> Tree:
        return torch.tensor(self.start).expand(len(task), 2)

    def observe(self, task: Tree, state: Tree) -> Tensor:
        if not self.dark:
            return 2 * state / (self.size - 1) - 1
        place = state[:, :1] * self.size + state[:, 1:]
        return torch.zeros(len(state), self.size**2).scatter_(1, place, 1.0)

    def place(self, observation: Tensor) -> Tensor:
        """(..., 2) the cell that is observed."""
        if not self.dark:
            return ((observation + 1) / 2 * (self.size - 1)).round().long()
        cell = observation.argmax(-1)
        return torch.stack([cell // self.size, cell % self.size], -1)

    def best(self, task: Tree, observation: Tensor) -> Tensor:
        """(..., T) the move towards the goal from where one is seen to be: sideways first."""
        dx, dy = (task - self.place(observation)).unbind(-1)
        upright = torch.where(dy > 0, 1, torch.where(dy < 0, 3, 0))
        return torch.where(dx > 0, 2, torch.where(dx < 0, 4, upright))

    def step(self, task: Tree, state: Tree, action: Tensor, generator: Generator) -> Outcome:
        state = (state + MOVES[action]).clamp(0, self.size - 1)
        there = (state == task).all(-1)
        reward = torch.where(there, self.found, self.missed)
        return Outcome(state, reward, torch.zeros_like(there))


@in_trials_of(3)
@distribution
def gridnavi(*, size: int = 5, horizon: int = 15) -> World:
    """GridNavi (Zintgraf et al. 2020, arXiv:1910.08348): a hidden goal in a grid.

    The goal is uniform over the cells outside the start's 2 x 2 corner; +1 on it, -0.1 elsewhere.
    Every episode begins in (0, 0).

    >>> tasks = gridnavi()
    >>> len(tasks.world.goals), tasks.steps
    (21, 45)
    """
    check_whole("size", size, 3)
    check_whole("horizon", horizon)
    return Grid(size, horizon, (0, 0), 2, 1.0, -0.1, dark=False)


@in_trials_of(10)
@distribution
def dark_room(*, size: int = 9, horizon: int = 20) -> World:
    """Dark room (Laskin et al. 2022, arXiv:2210.14215): +1 in an unknown cell, 0 elsewhere.

    Every episode begins in the middle; only the own place is observed.

    >>> dark_room().world.observations
    81
    """
    check_whole("size", size, 3)
    check_whole("horizon", horizon)
    return Grid(size, horizon, (size // 2, size // 2), 0, 1.0, 0.0, dark=True)
