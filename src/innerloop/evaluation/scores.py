"""What an evaluation found: a figure per task, its interval, and what stands beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from innerloop.episodes import Span, spelt
from innerloop.evaluation.calibration import Reliability
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.language import say
from innerloop.likelihoods import Metric

NAMES_ZH = {
    "from scratch": "从零训练",
    "fine-tuned": "微调",
    "fine-tuned head": "微调输出层",
    "nearest neighbour": "最近邻",
    "nearest centroid": "最近质心",
}


@dataclass(frozen=True, eq=False)
class Scores:
    """One learner on one stream's episodes. Printed it is a line, with a line per baseline.

    values: (T,) accuracy or mean squared error of each task's query set. nll: (T,) its mean
        negative log-likelihood.
    failed: tasks with a prediction that was not finite. Such an answer is a miss: wrong where
        classes are predicted; a regression task that has one (and its nll) counts as much as
        the worst task of this evaluation, infinitely if all failed. None is left out.
    ci95: half-width of the 95 % interval of the mean over tasks (Student's t).
    ece, reliability: of all answers of all tasks pooled; None for regression.
    milliseconds: to adapt to one task alone, the median of a few.
    """

    name: str
    metric: Metric
    values: Tensor
    nll: Tensor
    failed: int
    reliability: Reliability | None
    milliseconds: float
    transductive: bool
    split: str
    seed: int
    ways: Span | None
    shots: Span
    queries: Span
    note: str = ""
    baselines: dict[str, Scores] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        return mean_and_ci95(self.values)[0]

    @property
    def ci95(self) -> float:
        return mean_and_ci95(self.values)[1]

    @property
    def episodes(self) -> int:
        return len(self.values)

    @property
    def ece(self) -> float | None:
        return None if self.reliability is None else self.reliability.error

    def __str__(self) -> str:
        table = [_cells(self.name, self, [self._task(), self._setting()])]
        for name, scores in self.baselines.items():
            facts = [] if scores.episodes == self.episodes else [scores._first_only()]
            facts += [] if scores.transductive == self.transductive else [scores._setting()]
            table.append(_cells(say(name, NAMES_ZH.get(name, name)), scores, facts))
        return "\n".join([*aligned(table, right=1), *self.left_out])

    def figure(self) -> str:
        """The headline with its interval: "97.1 ± 0.3 %" or "mse 0.012 ± 0.001"."""
        if self.metric == "accuracy":
            return f"{100 * self.mean:.1f} ± {100 * self.ci95:.1f} %"
        digits = 3
        if math.isfinite(self.ci95) and self.ci95 > 0:
            digits = max(0, 1 - math.floor(math.log10(self.ci95)))  # two figures of the interval
        return f"{self.metric} {self.mean:.{digits}f} ± {self.ci95:.{digits}f}"

    def _task(self) -> str:
        if self.ways is None:
            return say(
                f"{self.episodes} episodes, {spelt(self.shots)} examples each",
                f"{self.episodes} 个任务，各 {spelt(self.shots)} 个样本",
            )
        return say(
            f"{self.episodes} episodes, {spelt(self.ways)}-way {spelt(self.shots)}-shot",
            f"{self.episodes} 个任务，{spelt(self.ways)} 类 {spelt(self.shots)} 样本",
        )

    def _first_only(self) -> str:
        return say(f"the first {self.episodes} episodes", f"前 {self.episodes} 个任务")

    def _setting(self) -> str:
        if self.transductive:
            return say("transductive", "转导")
        return say("non-transductive", "非转导")

    def _remarks(self) -> list[str]:
        ms = f"{self.milliseconds:.1f}" if self.milliseconds < 10 else f"{self.milliseconds:.0f}"
        remarks = [say(f"{ms} ms to adapt", f"适应用时 {ms} 毫秒")]
        if self.failed:
            remarks.append(
                say(
                    f"{self.failed} tasks with predictions that are not finite, counted as misses",
                    f"{self.failed} 个任务的预测含非有限值，计为错误",
                )
            )
        return [*remarks, self.note] if self.note else remarks

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings; `baselines` maps each name to its mean and interval."""
        return {
            "algorithm": self.name,
            "metric": self.metric,
            "mean": self.mean,
            "ci95": self.ci95,
            "episodes": self.episodes,
            "left_out": list(self.left_out),
            "baselines": {n: s.summary() for n, s in self.baselines.items()},
            "nll": mean_and_ci95(self.nll)[0],
            "ece": self.ece,
            "transductive": self.transductive,
            "failed": self.failed,
            "milliseconds": self.milliseconds,
            "split": self.split,
            "ways": self.ways,
            "shots": self.shots,
            "queries": self.queries,
            "seed": self.seed,
        }

    def summary(self) -> dict[str, Any]:
        """What the entry of a baseline holds."""
        summary = {"mean": self.mean, "ci95": self.ci95, "episodes": self.episodes}
        return {**summary, "note": self.note} if self.note else summary


def _cells(name: str, scores: Scores, facts: list[str]) -> tuple[str, str, str]:
    facts = [*facts, *scores._remarks()]
    return name, scores.figure(), say(f"({', '.join(facts)})", f"（{'，'.join(facts)}）")


def aligned(table: Sequence[Sequence[str]], *, right: int | None = None) -> list[str]:
    """Rows of cells as lines whose columns line up, column `right` at its right edge.

    Widths are those on screen, where a Chinese character is two columns wide.

    >>> aligned([("maml", "97 %"), ("from scratch", "5 %")], right=1)
    ['maml          97 %', 'from scratch   5 %']
    """
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]

    def padded(cell: str, column: int) -> str:
        room = " " * (widths[column] - cell_len(cell))
        return room + cell if column == right else cell + room

    return ["  ".join(padded(c, i) for i, c in enumerate(row)).rstrip() for row in table]
