"""One temperature for all tasks: Guo et al. 2017, arXiv:1706.04599."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.core import Meta
from innerloop.devices import CPU, place_of, to_device
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.adaptation import answers, batches
from innerloop.evaluation.calibration import Reliability, reliability
from innerloop.language import say
from innerloop.losses import class_columns
from innerloop.outer import Learner

SEED = 314_159  # of the tasks it is fitted on: not one that users train or evaluate with


def temperature(
    learner: Learner, meta: Meta, stream: Stream, *, episodes: int = 200, seed: int = SEED
) -> float:
    """By what to divide a learner's logits so that its probabilities on new tasks mean what they say.

        T = argmin over tasks of `stream` of the mean of -log softmax(logits / T)[y]

    stream: tasks.validation, say; one number for all of them, so that it holds for tasks to come. It
    changes no answer, only how sure it is. Raises an InputError for tasks without classes.

    >>> import innerloop as il
    >>> tasks, learner = il.tasks.digits(), il.nearest_centroid()
    >>> found = temperature(learner, learner.init(), tasks.validation, episodes=20)
    >>> found > 1  # squared distances of 784 pixels are far too sure
    True
    """
    return fitted(*logits_of(learner, meta, stream, episodes=episodes, seed=seed))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """temperature: fitted on meta-validation tasks. before, after: how reliable the answers on test tasks
    are without it and with it."""

    temperature: float
    before: Reliability
    after: Reliability

    def __str__(self) -> str:
        before, after = (f"{100 * r.error:.1f}" for r in (self.before, self.after))
        return say(
            f"Expected calibration error {before} % as it is, {after} % with logits divided by "
            f"{self.temperature:.2f} (fitted on meta-validation tasks).",
            f"期望校准误差：原样 {before} %，将 logits 除以 {self.temperature:.2f} 后 {after} %"
            "（温度在元验证任务上拟合）。",
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "ece_before": self.before.error,
            "ece_calibrated": self.after.error,
            "reliability": self.after.to_json(),
        }


def calibration(
    learner: Learner,
    meta: Meta,
    validation: Stream,
    test: Stream,
    *,
    episodes: int = 200,
    seed: int = 0,
) -> Calibrated:
    """A temperature from meta-validation tasks, and what it does on test tasks.

    >>> import innerloop as il
    >>> tasks, learner = il.tasks.digits(), il.nearest_centroid()
    >>> found = calibration(learner, learner.init(), tasks.validation, tasks.test, episodes=20)
    >>> found.after.error < found.before.error
    True
    """
    heat = temperature(learner, meta, validation)
    logits, right = logits_of(learner, meta, test, episodes=episodes, seed=seed)
    return Calibrated(heat, reliable(logits, right, 1.0), reliable(logits, right, heat))


def reliable(logits: list[Tensor], right: list[Tensor], heat: float) -> Reliability:
    """Of the answers to all rows, at this temperature."""
    best = [(part / heat).softmax(1).max(1) for part in logits]
    correct = [found.indices == y for found, y in zip(best, right, strict=True)]
    return reliability(torch.cat([found.values for found in best]), torch.cat(correct))


def logits_of(
    learner: Learner, meta: Meta, stream: Stream, *, episodes: int, seed: int, batch: int = 10
) -> tuple[list[Tensor], list[Tensor]]:
    """[(rows, N)], [(rows,)]: the logits of all real queries, and which class was right; an entry for
    each number of ways."""
    logits, right = [], []
    path = learner.path
    for first, group in batches(stream, episodes, seed, batch, None):
        if not group.query.is_classification:
            raise InputError(
                f"a temperature is for classification, and {stream.name} has no classes; leave it out.",
                f"温度校准用于分类，而 {stream.name} 没有类别；请去掉。",
            )
        for tasks, alike in group.alike():
            there = to_device(alike, place_of(meta))
            numbers = (first + tasks).tolist()
            outputs, path = answers(learner, meta, there, path, seed=seed, numbers=numbers)
            logits.append(
                class_columns(to_device(outputs, CPU), alike.query).detach().flatten(0, 1)
            )
            right.append(alike.query.y.flatten())
    return logits, right


def fitted(logits: list[Tensor], right: list[Tensor]) -> float:
    """The temperature of the least mean negative log-likelihood; between 1/100 and 100.

    >>> fitted([torch.tensor([[9.0, 0.0], [9.0, 0.0], [9.0, 0.0]])], [torch.tensor([0, 0, 1])]) > 5
    True
    """
    heat = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([heat], max_iter=50, line_search_fn="strong_wolfe")
    count = sum(map(len, right))

    def loss() -> Tensor:
        optimiser.zero_grad()
        each = [
            F.cross_entropy(part.double() * (-heat).exp(), y, reduction="sum")
            for part, y in zip(logits, right, strict=True)
        ]
        total = torch.stack(each).sum() / count
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return float(heat.detach().exp().clamp(0.01, 100))
