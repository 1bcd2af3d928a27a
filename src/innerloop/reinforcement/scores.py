"""What a policy earns in tasks it has never seen, episode by episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.errors import InputError, shown
from innerloop.evaluation import mean_and_ci95
from innerloop.language import say
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.reinforcement.rollout import Policy, rollout

AT_ONCE = 5_000  # tasks
LISTED = 6  # episodes of which a line tells the return


@dataclass(frozen=True, eq=False)
class Scores:
    """returns (T, episodes) of T trials; printed it is a line with a line per baseline.

    >>> scores = Scores("rl2", torch.tensor([[1.0, 3.0], [2.0, 2.0], [0.0, 1.0]]))
    >>> round(scores.mean, 2), [mean for mean, _ in scores.by_episode]
    (3.0, [1.0, 2.0])
    """

    name: str
    returns: Tensor
    baselines: dict[str, Scores] = field(default_factory=dict)
    by: tuple[str, str] = ("episode", "回合列出")  # what stands in the brackets

    @property
    def values(self) -> Tensor:
        """(T,) of whole trials."""
        return self.returns.sum(1)

    @property
    def mean(self) -> float:
        return mean_and_ci95(self.values)[0]

    @property
    def ci95(self) -> float:
        return mean_and_ci95(self.values)[1]

    @property
    def by_episode(self) -> list[tuple[float, float]]:
        """(mean, half-width of its 95 % interval) of each episode's return."""
        return [mean_and_ci95(column) for column in self.returns.T]

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": "return",
            **self.figures(),
            "episodes": len(self.returns),
            "transductive": False,
            "baselines": {name: other.figures() for name, other in self.baselines.items()},
        }

    def figures(self) -> dict[str, Any]:
        by = [{"mean": mean, "ci95": ci95} for mean, ci95 in self.by_episode]
        return {"mean": self.mean, "ci95": self.ci95, "by_episode": by}

    def __str__(self) -> str:
        lines = [
            say(
                f"return of a trial, mean ± 95 % interval over {len(self.returns)} new tasks; "
                f"in brackets by {self.by[0]}",
                f"一次试验的回报，{len(self.returns)} 个新任务上的均值 ± 95 % 区间；括号内按{self.by[1]}",
            )
        ]
        everyone = {self.name: self, **self.baselines}
        width = max(map(len, everyone))
        lines += [f"{name.ljust(width)}  {one.line()}" for name, one in everyone.items()]
        return "\n".join(lines)

    def line(self) -> str:
        by = [f"{mean:.2f}" for mean, _ in self.by_episode]
        if len(by) > LISTED:
            by = [*by[: LISTED - 2], "...", by[-1]]
        return f"{self.mean:.3f} ± {self.ci95:.3f}  [{' '.join(by)}]"


def returns_of(policy: Policy, tasks: TaskDistribution, count: int, seed: int) -> Tensor:
    """(count, episodes) of trials in new tasks: the same tasks for every policy of one seed. A policy
    may meet its tasks in a way of its own: returns(tasks, task, generator) -> (T, episodes)."""
    parts = []
    most = tasks.at_most(AT_ONCE)
    for number, first in enumerate(range(0, count, most)):
        some = min(most, count - first)
        task = tasks.sample(some, seed=numbered(seed, 2 * number))
        generator = Generator().manual_seed(numbered(seed, 2 * number + 1))
        own = getattr(policy, "returns", None)
        with torch.no_grad():
            if own is not None:
                parts.append(own(tasks, task, generator))
                continue
            acted = rollout(policy, tasks, task, some, generator)
        parts.append(acted.trials.returns(tasks.trial_episodes))
    return torch.cat(parts)


def numbered(seed: int, number: int) -> int:
    return (seed * 1_000_003 + number + (1 << 40)) % (1 << 62)  # far from the seeds of training


def judge(
    name: str,
    policy: Policy,
    tasks: TaskDistribution,
    *,
    count: int = 20_000,
    seed: int = 0,
    baselines: dict[str, Policy] | None = None,
) -> Scores:
    """A policy's returns in `count` new tasks, and beside it those of `baselines` in the same.

    >>> from innerloop.reinforcement import bandits, judges
    >>> tasks = bandits(arms=2, trial_episodes=3)
    >>> found = judge("thompson", judges.thompson(tasks), tasks, count=100)
    >>> found.returns.shape
    torch.Size([100, 3])
    """
    if not isinstance(count, int) or count < 2:
        raise InputError(
            f"episodes must be a whole number of at least 2, got {shown(count)}; 20000 is usual.",
            f"episodes 必须是不小于 2 的整数，收到 {shown(count)}；常用 20000。",
        )
    beside = {
        other: Scores(other, returns_of(one, tasks, count, seed))
        for other, one in (baselines or {}).items()
    }
    by = getattr(policy, "by", Scores.by)
    return Scores(name, returns_of(policy, tasks, count, seed), beside, by)
