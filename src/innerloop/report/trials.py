"""One trial of a policy to look at: what it does in a task before it knows it, and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.errors import InputError
from innerloop.language import say
from innerloop.reinforcement import PolicyRun, TaskDistribution, Trials
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import Tree

LISTED = 10  # episodes of which the return is told
ARROWS = "·↑→↓←"
BEFORE, AFTER, GREY = "#d1495b", "#1b6ca8", "#8a8a8a"


@dataclass(frozen=True, eq=False)
class Watched:
    """One task, and the trial in it."""

    tasks: TaskDistribution
    task: Tree
    trials: Trials

    @property
    def returns(self) -> list[float]:
        return [float(one) for one in self.trials.returns(self.tasks.trial_episodes)[0]]

    def episode(self, number: int) -> list[int]:
        """The steps of one episode."""
        mine = self.trials.real[:, 0] & (self.trials.episode[:, 0] == number)
        return mine.nonzero()[:, 0].tolist()  # type: ignore[no-any-return]

    def __str__(self) -> str:
        """The first episode and the last, drawn by letters where the environment has a picture."""
        last = self.tasks.trial_episodes - 1
        told = ", ".join(f"{value:.2f}" for value in self.returns[:LISTED])
        if len(self.returns) > LISTED:
            told += f" ... {self.returns[-1]:.2f}"
        lines = [say(f"return by episode: {told}", f"各回合的回报：{told}")]
        if self.tasks.name == "bandits":
            return "\n".join([*lines, *arms(self)])
        draw = PICTURES.get(self.tasks.name)
        for number in sorted({0, last}):
            lines.append(
                say(
                    f"episode {number + 1}, return {self.returns[number]:.2f}",
                    f"第 {number + 1} 回合，回报 {self.returns[number]:.2f}",
                )
            )
            if draw is not None:
                lines += draw(self, number)
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        steps = self.trials.steps
        return {
            "returns": self.returns,
            "actions": steps.action[:, 0].tolist(),
            "rewards": steps.reward[:, 0].tolist(),
            "observations": steps.observation[:, 0].tolist(),
        }


def watch(run: PolicyRun, seed: int = 0) -> Watched:
    """Let a run's policy act in one new task, the same for the same seed.

    >>> from innerloop.reinforcement import gridnavi, rl2, train
    >>> run = train(rl2(gridnavi(), hidden=4), steps=1, meta_batch=4, validation_tasks=2, progress=False)
    >>> len(watch(run).returns)
    3
    """
    tasks = run.learner.tasks
    task = tasks.sample(1, seed=seed + (1 << 41))
    with torch.no_grad():
        acted = rollout(run.policy, tasks, task, 1, Generator().manual_seed(seed))
    return Watched(tasks, task, acted.trials)


def arms(watched: Watched) -> list[str]:
    """A line for each arm: what it pays, and how often it was pulled early and late."""
    pulled = watched.trials.steps.action[:, 0]
    half = max(1, len(pulled) // 2)
    means = watched.task["means"][0]
    heads = say("arm  pays   first half / second half", "臂   收益   前半 / 后半")
    lines = [heads]
    for arm in range(int(watched.task["arms"][0])):
        early, late = (pulled[:half] == arm).sum(), (pulled[half:] == arm).sum()
        bar = "░" * int(early) + "█" * int(late)
        lines.append(f"{arm:>3}  {float(means[arm]):.2f}   {int(early):>3} / {int(late):<3} {bar}")
    return lines


def grid(watched: Watched, number: int) -> list[str]:
    """Where it went: an arrow for the last move out of each cell, G the goal, * found."""
    world: Any = watched.tasks.world
    size, goal = world.size, watched.task[0].tolist()
    signs = [["."] * size for _ in range(size)]
    for t in watched.episode(number):
        x, y = world.place(watched.trials.steps.observation[t, 0]).tolist()
        signs[y][x] = ARROWS[int(watched.trials.steps.action[t, 0])]
    found = any(float(watched.trials.steps.reward[t, 0]) > 0 for t in watched.episode(number))
    signs[goal[1]][goal[0]] = "*" if found else "G"
    return ["  " + " ".join(row) for row in reversed(signs)]


PICTURES: dict[str, Callable[[Watched, int], list[str]]] = {"gridnavi": grid, "dark_room": grid}
PLANES = ("gridnavi", "dark_room", "point_navigation", "semicircle")  # a path can be drawn


def film(watched: Watched, path: Path) -> Path:
    """Write the paths of the first and the last episode side by side: a GIF that grows, or a PNG."""
    if watched.tasks.name not in PLANES:
        raise InputError(
            f"a picture of {watched.tasks.name} cannot be drawn, only of {', '.join(PLANES)}; leave "
            "--out out to read what it does.",
            f"{watched.tasks.name} 无法画成图片，只有 {'、'.join(PLANES)} 可以；请去掉 --out 阅读文字。",
        )
    if path.suffix.lower() not in (".gif", ".png"):
        raise InputError(
            f"a picture is a .gif or a .png, got {path.name}; write --out {path.stem}.gif.",
            f"图片必须是 .gif 或 .png，收到 {path.name}；请写 --out {path.stem}.gif。",
        )
    from matplotlib.animation import FuncAnimation, PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    last = watched.tasks.trial_episodes - 1
    figure = Figure(figsize=(8, 4.3), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    paths = [track(watched, number) for number in (0, last)]
    lines = []
    for axis, xy, number, colour in zip(
        figure.subplots(1, 2), paths, (0, last), (BEFORE, AFTER), strict=True
    ):
        every = torch.cat([*paths, goal_of(watched)[None]])
        low, high = every.amin(0) - 0.5, every.amax(0) + 0.5
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axis.plot(*goal_of(watched).tolist(), "*", color=GREY, markersize=18)
        axis.set_title(f"episode {number + 1}, return {watched.returns[number]:.2f}")
        lines.append(axis.plot(*xy.T.tolist(), "o-", color=colour, markersize=3)[0])
    try:
        if path.suffix.lower() == ".png":
            figure.savefig(path, format="png")
            return path

        def grown(t: int) -> list[Any]:
            for line, xy in zip(lines, paths, strict=True):
                line.set_data(*xy[: t + 1].T.tolist())
            return lines

        many = max(map(len, paths))
        FuncAnimation(figure, grown, frames=[*range(many), *[many] * 8]).save(
            path, writer=PillowWriter(fps=10)
        )
    except OSError as problem:
        raise InputError(
            f"the picture cannot be written to {path} ({problem}); choose another path.",
            f"图片无法写入 {path}（{problem}）；请换一个路径。",
        ) from problem
    return path


def track(watched: Watched, number: int) -> Tensor:
    """(n, 2) the places of an episode."""
    seen = watched.trials.steps.observation[watched.episode(number), 0]
    world: Any = watched.tasks.world
    if hasattr(world, "place"):
        return world.place(seen).float()
    return seen[:, :2]


def goal_of(watched: Watched) -> Tensor:
    task = watched.task
    return (task if isinstance(task, Tensor) else next(iter(task.values())))[0].float()
