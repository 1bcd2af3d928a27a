"""What a learner does with its support set: five questions, each on the same new tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.core import Meta
from innerloop.devices import place_of, to_device
from innerloop.episodes import Stream, most
from innerloop.errors import InputError
from innerloop.evaluation.adaptation import batches
from innerloop.evaluation.curves import Curve, over_shots
from innerloop.evaluation.interval import mean_and_ci95, mean_by_task
from innerloop.evaluation.judging import BATCH, judge_stream, likelihood_for
from innerloop.evaluation.scores import aligned, number, percent
from innerloop.language import say
from innerloop.likelihoods import Metric
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.structure.changed import (
    Change,
    ChangedStream,
    doubled_rows,
    of_one_class,
    shuffled_labels,
)
from innerloop.structure.clusters import kinds_of

SHOTS = (1, 2, 5, 10)
TRIFLE = 0.02


@dataclass(frozen=True, eq=False)
class Probe:
    """A learner's figure on T tasks as they are, and changed.

    plain: (T,) accuracy or mse of each task. shuffled: with the support labels in another order.
    doubled: with every support row twice. only: (T,) the share of queries that are answered with
    the one class of a support set that has no other; None for regression, or where the learner
    refuses (`refusal`). shots: the figure with fewer and more examples. kinds: (T,) each task's known
    family, None where nothing is known. tasks: (T,) whose episode each is.
    """

    algorithm: str
    metric: Metric
    split: str
    seed: int
    plain: Tensor
    shuffled: Tensor
    doubled: Tensor
    only: Tensor | None
    refusal: str
    shots: Curve | None
    kinds: Tensor | None
    kind_names: tuple[str, ...]
    tasks: Tensor

    @property
    def cost(self) -> tuple[float, float]:
        """(mean, ci95) of how much worse shuffled labels make it, task by task."""
        return self._worse(self.shuffled)

    @property
    def changes(self) -> bool:
        """Whether shuffled labels make it worse at all: on average, or on so many of the tasks as
        chance would in one of 40 cases (sign test), since a squared error's mean hangs on a few."""
        mean, ci95 = self.cost
        worse, differ = self._counts()
        return mean > ci95 or binomial_tail(worse, differ) < 0.025

    @property
    def uses_labels(self) -> bool:
        """Whether shuffled labels make it worse, and by more than a trifle: 2 points of accuracy, or
        2 % of the squared error."""
        trifle = TRIFLE if self.metric == "accuracy" else TRIFLE * float(self.plain.mean())
        return self.changes and self.cost[0] > trifle

    @property
    def verdict(self) -> str:
        """One plain sentence: does it learn from its support labels?"""
        by, (worse, differ), count = self._amount(*self.cost), self._counts(), len(self.plain)
        en = f"shuffled, they cost {by}, and {worse} of the {differ} tasks that change are worse."
        zh = f"打乱标签使其变差 {by}，结果改变的 {differ} 个任务中有 {worse} 个变差。"
        if self.uses_labels:
            return say(
                f"{self.algorithm} learns from its labels: {en}",
                f"{self.algorithm} 从标签中学习：{zh}",
            )
        if self.changes:
            return say(
                f"{self.algorithm} hardly uses its labels: {en}",
                f"{self.algorithm} 几乎不使用标签：{zh}",
            )
        return say(
            f"{self.algorithm} ignores its labels, as far as {count} task{'s' * (count > 1)} can tell: {en}",
            f"就 {count} 个任务而言，{self.algorithm} 忽略其标签：{zh}",
        )

    def _counts(self) -> tuple[int, int]:
        """(tasks that shuffled labels make worse, tasks that they change)."""
        gap = mean_by_task(self._gap(self.shuffled), self.tasks)
        return int((gap > 0).sum()), int((gap != 0).sum())

    def families(self) -> dict[str, Tensor]:
        """name of a known family -> the figures (t,) of its tasks."""
        if self.kinds is None:
            return {}
        names = dict(enumerate(self.kind_names))
        return {
            names.get(kind, str(kind)): self.plain[self.kinds == kind]
            for kind in self.kinds.unique().tolist()
        }

    def __str__(self) -> str:
        head = say(
            f"{self.algorithm} on {len(self.plain)} tasks of {self.split}, seed {self.seed}",
            f"{self.algorithm}，{self.split} 的 {len(self.plain)} 个任务，种子 {self.seed}",
        )
        table = [(say("as they are", "原样"), self._figure(self.plain), "")]
        changed = (
            (say("support labels shuffled", "打乱支持标签"), self.shuffled),
            (say("every example twice", "每个样本出现两次"), self.doubled),
        )
        for name, values in changed:
            worse = self._amount(*self._worse(values))
            table.append((name, self._figure(values), say(f"worse by {worse}", f"变差 {worse}")))
        if self.only is not None:
            name = say("one class seen, answered with it", "只见过一个类别时回答该类别")
            table.append((name, percent(*mean_and_ci95(self.only, self.tasks)), ""))
        if self.shots is not None:
            for k, mean, ci95 in zip(self.shots.at, self.shots.mean, self.shots.ci95, strict=True):
                table.append((say(f"{k} shots", f"{k} 样本"), self._spelt(mean, ci95), ""))
        for name, values in self.families().items():
            count = say(f"{len(values)} tasks", f"{len(values)} 个任务")
            table.append(
                (say(f"family {name}", f"族 {name}"), self._figure(values, whole=False), count)
            )
        more = [self.refusal] if self.refusal else []
        return "\n".join([head, *aligned(table, right=1), *more, self.verdict])

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""

        def figure(values: Tensor, tasks: Tensor | None = None) -> dict[str, float]:
            mean, ci95 = mean_and_ci95(values, tasks)
            return {"mean": mean, "ci95": ci95}

        def against(values: Tensor) -> dict[str, Any]:
            mean, ci95 = self._worse(values)
            return {**figure(values, self.tasks), "worse": {"mean": mean, "ci95": ci95}}

        return {
            "algorithm": self.algorithm,
            "metric": self.metric,
            "split": self.split,
            "seed": self.seed,
            "episodes": len(self.plain),
            "plain": figure(self.plain, self.tasks),
            "shuffled": against(self.shuffled),
            "doubled": against(self.doubled),
            "one_class": None if self.only is None else figure(self.only, self.tasks),
            "shots": None if self.shots is None else self.shots.to_json(),
            "families": {name: figure(values) for name, values in self.families().items()},
            "uses_labels": self.uses_labels,
            "verdict": self.verdict,
        }

    def _gap(self, values: Tensor) -> Tensor:
        return self.plain - values if self.metric == "accuracy" else values - self.plain

    def _worse(self, values: Tensor) -> tuple[float, float]:
        return mean_and_ci95(self._gap(values), self.tasks)

    def _figure(self, values: Tensor, *, whole: bool = True) -> str:
        return self._spelt(*mean_and_ci95(values, self.tasks if whole else None))

    def _spelt(self, mean: float, ci95: float) -> str:
        if self.metric == "accuracy":
            return percent(mean, ci95)
        return f"{self.metric} {number(mean, ci95)}"

    def _amount(self, mean: float, ci95: float) -> str:
        if self.metric == "accuracy":
            points = percent(mean, ci95).removesuffix(" %")
            return say(f"{points} points", f"{points} 个百分点")
        return number(mean, ci95)


def binomial_tail(count: int, of: int) -> float:
    """The chance that at least `count` of so many fair coins fall on one side.

    >>> binomial_tail(2, 2), binomial_tail(0, 5)
    (0.25, 1.0)
    """
    from scipy.special import bdtrc  # scipy comes with scikit-learn; not at import time

    return float(bdtrc(count - 1, of, 0.5)) if count else 1.0


def probe(
    learner: Learner, meta: Meta, stream: Stream, *, episodes: int = 200, seed: int = 0
) -> Probe:
    """Meet new tasks as they are and changed: labels shuffled, every row twice, a single class,
    fewer and more examples; and the figure of each known family.

    stream: tasks that the learner has not learnt from, `tasks.test`.

    >>> import innerloop as il
    >>> learner = il.ridge()
    >>> found = probe(learner, learner.init(), il.tasks.linear().test, episodes=20)
    >>> found.uses_labels, found.shots.at
    (True, (1, 2, 5, 10))
    """
    how: dict[str, Any] = {"episodes": episodes, "seed": seed}

    def values(change: Change) -> Tensor:
        return judge_stream(learner, meta, ChangedStream.of(stream, change=change), **how)[0].values

    [plain] = judge_stream(learner, meta, stream, **how)
    query = stream.sample(seed, 0, 1).query
    only, refusal = None, ""
    if query.is_classification:
        try:
            only = answered_with_it(learner, meta, stream, **how)
        except InputError as error:
            refusal = str(error)
    at = tuple(k for k in sorted({*SHOTS, most(stream.shots)}) if gives(stream, k))
    return Probe(
        algorithm=learner.spec.algorithm,
        metric=likelihood_for(learner, query).metric,
        split=stream.name,
        seed=seed,
        plain=plain.values,
        shuffled=values(shuffled_labels),
        doubled=values(doubled_rows),
        only=only,
        refusal=refusal,
        shots=over_shots(learner, meta, stream, shots=at, **how) if at else None,
        kinds=kinds_of(stream, seed, episodes),
        kind_names=tuple(getattr(stream, "kind_names", ())),
        tasks=plain.tasks,
    )


def answered_with_it(
    learner: Learner, meta: Meta, stream: Stream, *, episodes: int, seed: int
) -> Tensor:
    """(T,) the share of queries that get the one label of a support set of its first class."""
    shares, place = [], place_of(meta)
    for _, drawn in batches(stream, episodes, seed, BATCH, None):
        for task in drawn:
            support, x = to_device((of_one_class(task.support), task.query.x), place)
            outputs = learner.predict(meta, learner.adapt(meta, support), x)
            answers = class_columns(outputs, task.query).argmax(-1)
            shares.append((answers == 0).double().mean())
    return torch.stack(shares).cpu()


def gives(stream: Stream, shots: int) -> bool:
    """Whether the stream has tasks with so many examples."""
    try:
        stream.replace(shots=shots).sample(0, 0, 1)
    except InputError:
        return False
    return True
