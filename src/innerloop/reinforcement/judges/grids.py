"""GridNavi: the exact optimum of each episode, and posterior sampling."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.experience import Step
from innerloop.tree import Tree

Cell = tuple[int, int]
STEPS: tuple[Cell, ...] = ((0, 1), (1, 0), (0, -1), (-1, 0))


def grid_optimum(tasks: TaskDistribution) -> tuple[float, float] | None:
    """(the most that the first episode can earn on average, and every later one), where a route
    proves that both can be had; None where there is none.

    No more than one new cell is seen in a step, so the first episode earns at most what it does if
    every step from the first that can reach a goal cell on sees a new one; later ones at most what
    they do where the goal is known. Both are reached if such a route leaves cells that lie on one
    way straight away from the start, since walking that way finds each as early as can be.

    >>> from innerloop.reinforcement import gridnavi
    >>> [round(value, 3) for value in grid_optimum(gridnavi())]
    [4.0, 11.071]
    """
    world: Any = tasks.world
    goals = {(x, y) for x, y in world.goals.tolist()}
    if _route(world, goals) is None:
        return None
    gain, horizon = world.found - world.missed, world.horizon
    nearest = min(apart(world.start, goal) for goal in goals)
    when = [nearest + i for i in range(len(goals))]  # the step that first sees each
    first = sum(max(0, horizon + 1 - t) * gain for t in when) / len(goals)
    later = sum((horizon + 1 - apart(world.start, g)) * gain for g in goals) / len(goals)
    floor = horizon * world.missed
    return floor + first, floor + later


def _route(world: Any, goals: set[Cell]) -> list[Cell] | None:
    """A walk of one episode that sees a new goal cell in every step but the first few, and leaves
    cells on one straight way."""

    def walk(path: list[Cell], unseen: frozenset[Cell]) -> list[Cell] | None:
        if len(path) > world.horizon or not unseen:
            return path if in_one_way(unseen) else None
        x, y = path[-1]
        for dx, dy in STEPS:
            cell = (x + dx, y + dy)
            inside = 0 <= cell[0] < world.size and 0 <= cell[1] < world.size
            early = not any(c in goals for c in path) and cell not in goals
            early = early and len(path) < min(apart(world.start, g) for g in goals)
            if inside and (cell in unseen or early):
                found = walk([*path, cell], unseen - {cell})
                if found is not None:
                    return found
        return None

    return walk([world.start], frozenset(goals))


def in_one_way(cells: frozenset[Cell]) -> bool:
    """Whether a walk that never turns back towards (0, 0) passes all of them."""
    ordered = sorted(cells, key=sum)
    return all(a[0] <= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(ordered))


def apart(a: Cell, b: Cell) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


@dataclass(frozen=True)
class PosteriorGoal:
    """memory: cells (T, G) where the goal may be, and the one that is headed for (T,)."""

    goals: Tensor
    world: Any

    def begin(self, tasks: int, generator: Generator) -> Tree:
        possible = torch.ones(tasks, len(self.goals), dtype=torch.bool)
        return {"possible": possible, "aim": draw(possible, generator)}

    def act(
        self, memory: Tree, observation: Tensor, allowed: Tensor | None, generator: Generator
    ) -> tuple[Tensor, Any]:
        place = self.world.place(observation)
        dx, dy = (self.goals[memory["aim"]] - place).unbind(1)
        sideways = torch.where(dx > 0, 2, 4)
        upright = torch.where(dy > 0, 1, torch.where(dy < 0, 3, 0))
        return torch.where(dx != 0, sideways, upright), None

    def observe(self, memory: Tree, step: Step, generator: Generator) -> Tree:
        """An episode's last step is not used: what follows it is where the next one begins."""
        place = self.world.place(step.following)
        here = (self.goals[None] == place[:, None]).all(-1)
        fits = torch.where((step.reward > 0)[:, None], here, ~here)
        possible = torch.where(step.ended[:, None], memory["possible"], memory["possible"] & fits)
        at_aim = possible.gather(1, memory["aim"][:, None])[:, 0]
        again = step.ended | ~at_aim
        aim = torch.where(again, draw(possible, generator), memory["aim"])
        return {"possible": possible, "aim": aim}


def draw(possible: Tensor, generator: Generator) -> Tensor:
    """(T,) one of the possible cells each."""
    noise = torch.rand(possible.shape, generator=generator)
    return torch.where(possible, noise, -1.0).argmax(1)


def posterior_goal(tasks: TaskDistribution) -> PosteriorGoal:
    """Posterior sampling: heads for one of the cells where the goal may still be, draws another when
    it is not there, and when an episode begins."""
    world: Any = tasks.world
    return PosteriorGoal(world.goals, world)
