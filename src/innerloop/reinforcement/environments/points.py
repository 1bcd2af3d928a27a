"""A point in the plane that must find its goal."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.errors import InputError
from innerloop.reinforcement.environments.distribution import (
    Outcome,
    World,
    check_whole,
    distribution,
    in_trials_of,
)
from innerloop.tree import Tree

NEAR = 0.01  # an episode is over within this distance of the goal in both directions
FASTEST = 0.1  # the largest move in either direction, by an action of 1


@dataclass(frozen=True)
class PointNavigation:
    """task: goals (T, 2). state: where the point is (T, 2); it begins in the origin.

    Rewards are -distance; or, with a `radius`, 1 - distance / radius within it and 0 outside.
    """

    horizon: int
    radius: float | None
    observations = 2
    actions = 2
    continuous = True

    @property
    def reach(self) -> float:
        return FASTEST * self.horizon

    def sample(self, tasks: int, generator: Generator) -> Tree:
        draw = torch.rand(tasks, 2, generator=generator)
        if self.radius is None:
            return draw - 0.5
        angle = math.pi * draw[:, 0]
        return torch.stack([angle.cos(), angle.sin()], 1)

    def begin(self, task: Tree, generator: Generator) -> Tree:
        return torch.zeros_like(task)

    def observe(self, task: Tree, state: Tree) -> Tensor:
        return state

    def step(self, task: Tree, state: Tree, action: Tensor, generator: Generator) -> Outcome:
        state = state + FASTEST * action.clamp(-1, 1)
        apart = state - task
        distance = torch.linalg.vector_norm(apart, dim=-1)
        if self.radius is None:
            return Outcome(state, -distance, (apart.abs() < NEAR).all(-1))
        reward = (1 - distance / self.radius).clamp(min=0)
        return Outcome(state, reward, torch.zeros_like(reward, dtype=torch.bool))


@in_trials_of(4)
@distribution
def point_navigation(*, horizon: int = 100) -> World:
    """2-D navigation (Finn et al. 2017, arXiv:1703.03400): goals ~ U[-0.5, 0.5]^2.

    reward = -distance to the goal; an action moves the point by at most 0.1 in either direction; an
    episode ends within 0.01 of the goal, or after `horizon` steps.

    >>> point_navigation().world.actions
    2
    """
    check_whole("horizon", horizon)
    return PointNavigation(horizon, None)


@in_trials_of(2)
@distribution
def semicircle(*, horizon: int = 60, radius: float = 0.3) -> World:
    """Sparse 2-D navigation (Rakelly et al. 2019, arXiv:1903.08254): goals on the unit half circle.

    reward = 1 - distance / radius within `radius` of the goal, 0 elsewhere: one must look for it.

    >>> semicircle(radius=0.2).steps
    120
    """
    check_whole("horizon", horizon)
    if not radius > 0:
        raise InputError(
            f"radius must be above 0, got {radius}; 0.3 is usual.",
            f"radius 必须大于 0，收到 {radius}；常用 0.3。",
        )
    return PointNavigation(horizon, radius)
