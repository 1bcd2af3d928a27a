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
    "time only": "仅用时间",
}

TITLES = {
    "balanced_accuracy": ("balanced accuracy", "平衡准确率"),
    "macro_f1": ("macro F1", "宏平均 F1"),
    "auroc": ("AUROC", "AUROC"),
    "exact": ("all labels right", "全部标签正确"),
    "mae": ("mean absolute error", "平均绝对误差"),
    "r2": ("R²", "R²"),
}


@dataclass(frozen=True, eq=False)
class Scores:
    """One learner on one stream's episodes. Printed it is a line, with a line per baseline.

    values: (T,) accuracy or mean squared error of each task's query set. nll: (T,) its mean
        negative log-likelihood. density: whether the learner says by itself how its targets are
        spread, so that `log_likelihood` is worth a place in the line.
    failed: tasks with a prediction that was not finite. Such an answer is a miss: wrong where
        classes are predicted; a regression task that has one (and its nll) counts as much as
        the worst task of this evaluation, infinitely if all failed. None is left out.
    ci95: half-width of the 95 % interval of the mean over tasks (Student's t). Where a task is
        drawn several times (a patient of a table), its episodes' mean counts once.
    unit: of a numeric target; the squared error is then in this unit, squared.
    metrics: further figures, see there; printed where classes are uneven (`uneven`), or by
        `table(metrics=True)`.
    ece, reliability: of all answers of all tasks pooled; None for regression.
    milliseconds: to adapt to one task alone, the median of a few.
    notice: what must be said with every figure of this family of tasks, if anything.
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
    tasks: Tensor | None = None
    further: dict[str, Tensor] = field(default_factory=dict)
    uneven: bool = False
    unit: str = ""
    density: bool = False
    notice: str = ""

    @property
    def mean(self) -> float:
        return mean_and_ci95(self.values, self.tasks)[0]

    @property
    def ci95(self) -> float:
        return mean_and_ci95(self.values, self.tasks)[1]

    @property
    def log_likelihood(self) -> dict[str, float] | None:
        """{"mean", "ci95"}, in nats for each query row; None without a density."""
        if not self.density:
            return None
        mean, ci95 = mean_and_ci95(-self.nll, self.tasks)
        return {"mean": mean, "ci95": ci95}

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """name -> {"mean", "ci95", "undefined"}: balanced_accuracy, macro_f1, auroc (and exact, of
        labels), or mae and r2. undefined: episodes where a figure has no meaning (AUROC where all
        queries are of one class, R² where all targets are equal), left out of its mean alone."""
        return {name: figure_of(values, self.tasks) for name, values in self.further.items()}

    @property
    def episodes(self) -> int:
        return len(self.values)

    @property
    def ece(self) -> float | None:
        return None if self.reliability is None else self.reliability.error

    def __str__(self) -> str:
        return self.table()

    def table(self, *, metrics: bool | None = None) -> str:
        """A line per learner, with the further metrics or without; None: where they matter."""
        shown = self.uneven if metrics is None else metrics
        dense = any(scores.density for scores in (self, *self.baselines.values()))
        table = [_cells(self.name, self, [self._task(), self._setting()], shown, dense)]
        for name, scores in self.baselines.items():
            facts = [] if scores.episodes == self.episodes else [scores._first_only()]
            facts += [] if scores.transductive == self.transductive else [scores._setting()]
            table.append(_cells(say(name, NAMES_ZH.get(name, name)), scores, facts, shown, dense))
        below = [*self.left_out, *(self._undefined() if shown else [])]
        below += [self.notice] if self.notice else []
        return "\n".join([*aligned(table, right=1), *below])

    def _undefined(self) -> list[str]:
        """A sentence where figures had no meaning for some episodes."""
        counts = {n: int(f["undefined"]) for n, f in self.metrics.items() if f["undefined"]}
        if not counts:
            return []
        each = ", ".join(f"{say(*TITLES[n])} {count}" for n, count in counts.items())
        return [
            say(
                f"Undefined and left out of that mean, in episodes: {each} (one class, or one value, "
                "among the queries).",
                f"无定义而未计入相应均值的任务数：{each}（查询样本只有一个类别或取值）。",
            )
        ]

    def figure(self) -> str:
        """The headline with its interval: "97.1 ± 0.3 %" or "mse 0.012 ± 0.001"."""
        if self.metric == "accuracy":
            return percent(self.mean, self.ci95)
        return f"{self.metric} {number(self.mean, self.ci95)}"

    def _task(self) -> str:
        """ "600 episodes, 5-way 1-shot", or "600 episodes of 8 tasks, 5 examples each" """
        different = self.episodes if self.tasks is None else len(self.tasks.unique())
        few = different < self.episodes
        what = say(
            f"{self.episodes} episodes" + (f" of {different} task{'s' * (different > 1)}" * few),
            (f"{different} 个任务的 {self.episodes} 次抽样" if few else f"{self.episodes} 个任务"),
        )
        if different == 1:
            what += say(", one task has no interval", "，单个任务没有区间")
        if self.ways is None:
            size = say(f"{spelt(self.shots)} examples each", f"各 {spelt(self.shots)} 个样本")
        else:
            size = say(
                f"{spelt(self.ways)}-way {spelt(self.shots)}-shot",
                f"{spelt(self.ways)} 类 {spelt(self.shots)} 样本",
            )
        unit = say(f", in {self.unit} squared", f"，单位为 {self.unit} 的平方") if self.unit else ""
        return say(f"{what}, {size}", f"{what}，{size}") + unit

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
            "metrics": self.metrics,
            "unit": self.unit or None,
            **({"notice": self.notice} if self.notice else {}),
            "tasks": None if self.tasks is None else len(self.tasks.unique()),
            "nll": mean_and_ci95(self.nll, self.tasks)[0],
            "log_likelihood": self.log_likelihood,
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
        summary: dict[str, Any] = {"mean": self.mean, "ci95": self.ci95, "episodes": self.episodes}
        summary |= {"metrics": self.metrics, "log_likelihood": self.log_likelihood}
        return {**summary, "note": self.note} if self.note else summary


def figure_of(values: Tensor, tasks: Tensor | None) -> dict[str, float]:
    """Mean and interval of what is defined, and how many values are not."""
    defined = ~values.isnan()
    kept = None if tasks is None else tasks[defined]
    mean, ci95 = mean_and_ci95(values[defined], kept) if defined.any() else (math.nan, math.nan)
    return {"mean": mean, "ci95": ci95, "undefined": int((~defined).sum())}


def percent(mean: float, ci95: float) -> str:
    return f"{100 * mean:.1f}" + (f" ± {100 * ci95:.1f}" if math.isfinite(ci95) else "") + " %"


def number(mean: float, ci95: float) -> str:
    """With two figures of the interval; alone where there is none."""
    if not math.isfinite(ci95):
        return f"{mean:.4g}"
    digits = max(0, 1 - math.floor(math.log10(ci95))) if ci95 > 0 else 3
    return f"{mean:.{digits}f} ± {ci95:.{digits}f}"


def _cells(
    name: str, scores: Scores, facts: list[str], metrics: bool, dense: bool
) -> tuple[str, ...]:
    """dense: with a column of log-likelihoods, empty for a learner without a density."""
    facts, further = [*facts, *scores._remarks()], []
    if dense:
        found = scores.log_likelihood
        title = say("log-likelihood", "对数似然")
        further.append(f"{title} {number(found['mean'], found['ci95'])}" if found else "")
    for metric, found in scores.metrics.items() if metrics else ():
        show = number if metric in ("mae", "r2") else percent
        further.append(f"{say(*TITLES[metric])} {show(found['mean'], found['ci95'])}")
    said = say(f"({', '.join(facts)})", f"（{'，'.join(facts)}）")
    return name, scores.figure(), *further, said


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
