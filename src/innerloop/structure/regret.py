"""Is the nearest known task a good source? Its regret beside the best source and a random one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Meta
from innerloop.devices import place_of
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.judging import likelihood_for
from innerloop.evaluation.scores import aligned, number
from innerloop.language import say
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.structure.nearest import TaskIndex, started
from innerloop.structure.point import coordinates
from innerloop.structure.together import for_each
from innerloop.tree import Tree, tree_map


@dataclass(frozen=True, eq=False)
class Regret:
    """How much worse the best of k sources is than the best of all: (T, len(at)) both.

    at: the numbers k of sources. nearest: of the k nearest by the encoder. chance: the expected
    regret of k drawn at random. without: (T,) of the learner itself, with no source but the
    meta-parameters; below 0 where it does better than any source. unit: "mse" or "errors".
    """

    at: tuple[int, ...]
    nearest: Tensor
    chance: Tensor
    without: Tensor
    unit: str
    encoder: str
    sources: int

    @property
    def verdict(self) -> str:
        """One plain sentence, on a single source."""
        mean, ci95 = mean_and_ci95(self.chance[:, 0] - self.nearest[:, 0])
        k = say("the nearest source", "最近的来源") if self.at[0] == 1 else f"k = {self.at[0]}"
        if mean > ci95:
            return say(
                f"By the {self.encoder}, {k} is better than a random one, by {number(mean, ci95)}.",
                f"按 {self.encoder}，{k}优于随机来源，相差 {number(mean, ci95)}。",
            )
        if mean < -ci95:
            return say(
                f"By the {self.encoder}, {k} is worse than a random one, by {number(-mean, ci95)}.",
                f"按 {self.encoder}，{k}不如随机来源，相差 {number(-mean, ci95)}。",
            )
        return say(
            f"By the {self.encoder}, {k} is no better than a random one, as far as "
            f"{len(self.nearest)} tasks can tell.",
            f"就 {len(self.nearest)} 个任务而言，按 {self.encoder}，{k}并不优于随机来源。",
        )

    def __str__(self) -> str:
        names = say("nearest", "最近"), say("random", "随机")
        unit = say("errors", "错误率") if self.unit == "errors" else self.unit
        table: list[tuple[str, ...]] = [(f"{unit}, k =", *names)]
        for column, k in enumerate(self.at):
            each = (self.nearest[:, column], self.chance[:, column])
            table.append((str(k), *(number(*mean_and_ci95(v)) for v in each)))
        own = number(*mean_and_ci95(self.without))
        lines = [
            say(
                f"Regret against the best of {self.sources} sources, mean over {len(self.without)} "
                "tasks ± 95 %.",
                f"相对 {self.sources} 个来源中最佳者的遗憾，{len(self.without)} 个任务的均值 ± 95 %。",
            ),
            *aligned(table),
            say(f"Without a source: {own}.", f"不用来源：{own}。"),
        ]
        return "\n".join([*lines, self.verdict])

    def to_json(self) -> dict[str, Any]:
        """Means and intervals, for every k."""

        def each(values: Tensor) -> list[dict[str, float]]:
            pairs = [mean_and_ci95(column) for column in values.unbind(1)]
            return [{"mean": mean, "ci95": ci95} for mean, ci95 in pairs]

        return {
            "at": list(self.at),
            "nearest": each(self.nearest),
            "random": each(self.chance),
            "without": each(self.without[:, None])[0],
            "unit": self.unit,
            "sources": self.sources,
            "verdict": self.verdict,
        }


def regret_at_k(
    learner: Learner,
    meta: Meta,
    index: TaskIndex,
    stream: Stream,
    *,
    at: Sequence[int] = (1, 3, 5),
    episodes: int = 100,
    seed: int = 0,
    adapting: bool = False,
) -> Regret:
    """How good the nearest tasks of an index are as sources of new tasks.

    A source is what the learner adapts to on a task of the index. A new task's query set is
    answered with it as it is or, `adapting`, after adapting from there to the new support set (a
    `warm_start`, which a learner must descend for).
    stream: the new tasks, `tasks.test`.

    >>> import innerloop as il
    >>> tasks = il.tasks.linear()
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.05, inner_steps=5)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> index = TaskIndex.of(il.structure.signature(learner, meta), tasks.train, tasks=50)
    >>> found = regret_at_k(learner, meta, index, tasks.test, episodes=20)
    >>> bool(found.nearest.mean() < found.chance.mean())
    True
    """
    sources = len(index.names)
    if not at or min(at) < 1 or max(at) > sources:
        raise InputError(
            f"at must hold numbers of sources between 1 and {sources}, got {list(at)}; 1, 3, 5 are "
            "usual.",
            f"at 应为 1 到 {sources} 之间的来源数，收到 {list(at)}；通常用 1、3、5。",
        )
    targets = stream.sample(seed, 0, episodes)
    error = errors(learner, meta, index, targets, adapting)  # (T, N)
    far = index.distances(coordinates(index.encoder.many(targets)))
    ranked = error.gather(1, far.argsort(stable=True))
    best = error.amin(1)
    nearest = torch.stack([ranked[:, :k].amin(1) - best for k in at], 1)
    chance = torch.stack([expected_least(error, k) - best for k in at], 1)
    alone = for_each(error_of(learner, meta), targets, place_of(meta))
    metric = likelihood_for(learner, targets.query).metric
    unit = "errors" if metric == "accuracy" else metric
    return Regret(
        tuple(at), nearest, chance, alone.double() - best, unit, index.encoder.name, sources
    )


def errors(
    learner: Learner, meta: Meta, index: TaskIndex, targets: Episodes, adapting: bool
) -> Tensor:
    """(T, N): of every new task with every source."""
    place = place_of(meta)
    known = for_each(lambda task: learner.adapt(meta, task.support), index.episodes, place)
    columns = []
    for n in range(len(index.names)):
        fast = tree_map(lambda leaf: leaf[n].to(place), known)  # noqa: B023
        if adapting:
            one = error_of(learner, started(learner, meta, fast))
        else:
            one = error_of(learner, meta, fast)
        columns.append(for_each(one, targets, place))
    return torch.stack(columns, 1).double()


def error_of(learner: Learner, meta: Meta, fast: Tree = None) -> Callable[[Episode], Tensor]:
    """A task's mean squared error, or its share of wrong answers; None: after adapting to it."""

    def one(task: Episode) -> Tensor:
        own = learner.adapt(meta, task.support) if fast is None else fast
        outputs = class_columns(learner.predict(meta, own, task.query.x), task.query)
        likelihood = likelihood_for(learner, task.query)
        score = likelihood.score(outputs, task.query.y)
        return (1 - score if likelihood.metric == "accuracy" else score).mean()

    return one


def expected_least(errors: Tensor, k: int) -> Tensor:
    """(T,) the expected smallest of k different ones of the N errors (T, N), all draws alike.

    The i-th smallest is the smallest drawn in C(N - i, k - 1) of the C(N, k) draws.

    >>> expected_least(torch.tensor([[1.0, 2.0, 3.0]]), 2)  # 1, 1 or 2
    tensor([1.3333], dtype=torch.float64)
    """
    count = errors.shape[1]
    draws = [math.comb(count - i, k - 1) / math.comb(count, k) for i in range(1, count + 1)]
    return errors.double().sort(1).values @ torch.tensor(draws, dtype=torch.float64)
