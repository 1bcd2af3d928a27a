"""Which of several learners is better: paired, on the same episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.evaluate import Contender, pair
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.judging import BATCH, score
from innerloop.evaluation.scores import Scores, aligned
from innerloop.language import say
from innerloop.likelihoods import Metric


@dataclass(frozen=True, eq=False)
class Difference:
    """a minus b, task by task on the same episodes: differences (T,), in the metric's unit.

    The interval is that of the mean of the paired differences, much narrower than either
    learner's own, because a task that is hard for one is hard for the other.

    >>> import torch
    >>> better = Difference("A", "B", "accuracy", torch.tensor([0.1, 0.2, 0.1, 0.2]))
    >>> better.verdict
    'A is better than B by 15.0 ± 9.2 points of accuracy on the same 4 episodes.'
    """

    a: str
    b: str
    metric: Metric
    differences: Tensor
    tasks: Tensor | None = None  # (T,) whose episode each is: several of one task count once

    @property
    def mean(self) -> float:
        return mean_and_ci95(self.differences, self.tasks)[0]

    @property
    def ci95(self) -> float:
        return mean_and_ci95(self.differences, self.tasks)[1]

    @property
    def winner(self) -> str | None:
        """The better one's name; None where the interval holds zero."""
        if not abs(self.mean) > self.ci95:
            return None
        return self.a if (self.mean > 0) == (self.metric == "accuracy") else self.b

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        by, count = self._amount(), len(self.differences)
        if self.winner is None:
            return say(
                f"No difference between {self.a} and {self.b} can be told on the same {count} "
                f"episodes ({by}).",
                f"在相同的 {count} 个任务上，看不出 {self.a} 与 {self.b} 的差别（{by}）。",
            )
        loser = self.b if self.winner == self.a else self.a
        return say(
            f"{self.winner} is better than {loser} by {by} on the same {count} episodes.",
            f"在相同的 {count} 个任务上，{self.winner} 优于 {loser}（{by}）。",
        )

    def _amount(self) -> str:
        mean = abs(self.mean) if self.winner else self.mean
        if self.metric == "accuracy":
            figure = f"{100 * mean:.1f} ± {100 * self.ci95:.1f}"
            return say(f"{figure} points of accuracy", f"准确率相差 {figure} 个百分点")
        figure = f"{mean:.3g} ± {self.ci95:.2g}"
        return say(f"{figure} of squared error", f"均方误差相差 {figure}")

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "a": self.a,
            "b": self.b,
            "metric": self.metric,
            "mean": self.mean,
            "ci95": self.ci95,
            "episodes": len(self.differences),
            "winner": self.winner,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Comparison:
    """Each contender's scores, and the difference of each pair. Printed: a table, then verdicts."""

    scores: Mapping[str, Scores]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        table = [(name, scores.figure()) for name, scores in self.scores.items()]
        return "\n".join([*aligned(table, right=1), *(d.verdict for d in self.differences)])

    def to_json(self) -> dict[str, Any]:
        """`scores` maps each name to its `Scores.to_json`; `differences` lists the pairs."""
        return {
            "scores": {name: scores.to_json() for name, scores in self.scores.items()},
            "differences": [difference.to_json() for difference in self.differences],
        }


@checked(stream="tasks.test", contenders="{'one': run, 'two': other}")
def compare(
    contenders: Mapping[str, Contender],
    stream: Stream,
    *,
    episodes: int = 600,
    seed: int = 0,
    batch: int = BATCH,
    progress: bool = False,
) -> Comparison:
    """Two or more learners on the same episodes, and the 95 % interval of each pair's difference.

    contenders: name -> run or (learner, meta). Each pair's interval stands for itself: of ten
        pairs of equals, at least one shows a false difference about two times in five.

    >>> import torch, innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.05)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> more = learner.replace(inner_steps=5)
    >>> pairs = {"1 step": (learner, meta), "5 steps": (more, meta)}
    >>> compare(pairs, il.tasks.linear().test, episodes=50).differences[0].winner
    '5 steps'
    """
    if len(contenders) < 2:
        raise InputError(
            f"a comparison needs at least two contenders, got {len(contenders)}; name another.",
            f"比较至少需要两个参评者，收到 {len(contenders)} 个；请再给一个。",
        )
    scores = {
        name: score(*pair(c), stream, episodes=episodes, seed=seed, batch=batch, progress=progress)
        for name, c in contenders.items()
    }
    return Comparison(scores, tuple(paired(a, b, scores) for a, b in combinations(scores, 2)))


def paired(a: str, b: str, scores: Mapping[str, Scores]) -> Difference:
    """The difference of two entries, over the episodes that both have seen."""
    first, second = scores[a], scores[b]
    for fact in ("split", "seed", "ways", "shots", "queries", "metric"):
        if getattr(first, fact) != getattr(second, fact):
            raise InputError(
                f"only scores on the same episodes can be compared: {a} has {fact}="
                f"{getattr(first, fact)}, {b} has {fact}={getattr(second, fact)}; score both with the same settings.",
                f"只有在相同任务上的得分才能比较：{a} 的 {fact}={getattr(first, fact)}，"
                f"{b} 的 {fact}={getattr(second, fact)}；请用相同的设置评估。",
            )
    count = min(first.episodes, second.episodes)
    tasks = None if first.tasks is None else first.tasks[:count]
    return Difference(a, b, first.metric, first.values[:count] - second.values[:count], tasks)
