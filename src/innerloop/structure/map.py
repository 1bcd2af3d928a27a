"""A map of tasks: which are near to each other, and whether that agrees with what is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.scores import aligned, number
from innerloop.language import say
from innerloop.structure.clusters import (
    Layout,
    adjusted_rand,
    grouped,
    kinds_of,
    laid_out,
    nearest_others,
    standardised,
)
from innerloop.structure.point import TaskEncoder, coordinates
from innerloop.structure.trivial import TRIVIAL

LEAST = 3  # tasks


@dataclass(frozen=True, eq=False)
class Agreement:
    """The adjusted Rand index of the groups found with the known families, once for every seed.

    values: (seeds,). beside: the same of trivial descriptions of a task, on the same tasks.
    """

    name: str
    values: Tensor
    beside: dict[str, Tensor]
    episodes: int

    @property
    def verdict(self) -> str:
        """One plain sentence: against the better of the trivial descriptions."""
        rival = max(self.beside, key=lambda name: float(self.beside[name].mean()))
        mean, ci95 = mean_and_ci95(self.values - self.beside[rival])
        by, seeds = number(abs(mean), ci95), len(self.values)
        if mean > ci95:
            return say(
                f"The {self.name} finds the known families better than the {rival} do, by {by}.",
                f"{self.name} 比“{rival}”更好地找出已知的族，相差 {by}。",
            )
        if mean < -ci95:
            return say(
                f"The {self.name} loses to the {rival}, by {by}: the map shows no more than these do.",
                f"{self.name} 不如“{rival}”，相差 {by}：该图并未揭示更多。",
            )
        return say(
            f"The {self.name} finds the known families no better than the {rival} do, as far as "
            f"{seeds} seed{'s' * (seeds > 1)} can tell.",
            f"就 {seeds} 个种子而言，{self.name} 找出已知族的能力并不优于“{rival}”。",
        )

    def __str__(self) -> str:
        head = say("adjusted Rand index", "调整兰德指数")
        table = [("", head)]
        for name, values in {self.name: self.values, **self.beside}.items():
            table.append((name, number(*mean_and_ci95(values))))
        count = say(
            f"Mean over {len(self.values)} draws of {self.episodes} tasks each, ± 95 %.",
            f"{len(self.values)} 次抽取（每次 {self.episodes} 个任务）的均值 ± 95 %。",
        )
        return "\n".join([*aligned(table, right=1), count, self.verdict])

    def to_json(self) -> dict[str, Any]:
        """name -> its mean and interval."""
        each = {self.name: self.values, **self.beside}
        found = {
            n: dict(zip(("mean", "ci95"), mean_and_ci95(v), strict=True)) for n, v in each.items()
        }
        return {"adjusted_rand": found, "seeds": len(self.values), "verdict": self.verdict}


@dataclass(frozen=True, eq=False)
class TaskMap:
    """T tasks in the plane.

    names: (T,) of the tasks. layout: (T, 2). neighbours: (T, k) the nearest other tasks, in all
    dimensions. groups: (T,) which group each was put into. kinds: (T,) its known family, a position
    in `kind_names`; None where nothing is known. agreement: of groups and kinds.
    """

    encoder: str
    split: str
    seed: int
    names: tuple[str, ...]
    layout: Tensor
    neighbours: Tensor
    groups: Tensor
    kinds: Tensor | None = None
    kind_names: tuple[str, ...] = ()
    agreement: Agreement | None = None

    def kind_of(self, t: int) -> str:
        """The known family of task t, or the group that it was put into."""
        if self.kinds is None:
            return say(f"group {int(self.groups[t]) + 1}", f"第 {int(self.groups[t]) + 1} 组")
        kind = int(self.kinds[t])
        return self.kind_names[kind] if kind < len(self.kind_names) else str(kind)

    def __str__(self) -> str:
        count = Counter(self.kind_of(t) for t in range(len(self.names)))
        held = ", ".join(f"{name} {many}" for name, many in sorted(count.items()))
        first = say(
            f"{len(self.names)} tasks of {self.split} by {self.encoder}, in {len(self.groups.unique())} "
            f"groups: {held}.",
            f"{self.split} 的 {len(self.names)} 个任务，按 {self.encoder}，分为 "
            f"{len(self.groups.unique())} 组：{held}。",
        )
        if self.agreement is None:
            unknown = say(
                "These tasks have no known families that the groups could be held against.",
                "这些任务没有可供对照的已知族。",
            )
            return f"{first}\n{unknown}"
        return f"{first}\n{self.agreement}"

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings; a dict per task."""
        tasks = [
            {
                "name": name,
                "x": float(self.layout[t, 0]),
                "y": float(self.layout[t, 1]),
                "group": int(self.groups[t]),
                "kind": None if self.kinds is None else self.kind_of(t),
                "neighbours": self.neighbours[t].tolist(),
            }
            for t, name in enumerate(self.names)
        ]
        agreement = None if self.agreement is None else self.agreement.to_json()
        return {
            "encoder": self.encoder,
            "split": self.split,
            "seed": self.seed,
            "tasks": tasks,
            "agreement": agreement,
        }


def task_map(
    encoder: TaskEncoder,
    stream: Stream,
    *,
    episodes: int = 200,
    seed: int = 0,
    seeds: int = 5,
    neighbours: int = 5,
    groups: int | None = None,
    layout: Layout = "pca",
) -> TaskMap:
    """Place `episodes` tasks of a stream, and see whether their groups are the known families.

    stream: tasks that the encoder has not learnt from, `tasks.test`.
    groups: how many; None for the number of known families, else as many as fit best.
    seeds: how many draws of tasks the agreement is measured on; the map shows the first.

    >>> import innerloop as il
    >>> tasks = il.tasks.sinusoids()
    >>> encode = il.structure.contrastive(tasks.train, steps=2)
    >>> found = task_map(encode, tasks.test, episodes=30, groups=2)
    >>> tuple(found.layout.shape), tuple(found.neighbours.shape), found.names[0]
    ((30, 2), (30, 5), 'sinusoids/test task 0')
    """
    if episodes < LEAST:
        raise few(episodes)
    if seeds < 1:
        raise InputError(
            f"seeds counts draws of tasks and must be at least 1, got {seeds}; 5 give an interval.",
            f"seeds 是抽取任务的次数，至少为 1，收到 {seeds}；5 次即可给出区间。",
        )
    batch = stream.sample(seed, 0, episodes)
    points = standardised(coordinates(encoder.many(batch)))
    kinds = kinds_of(stream, seed, episodes)
    known = groups if kinds is None else groups or len(kinds.unique())
    return TaskMap(
        encoder=encoder.name,
        split=stream.name,
        seed=seed,
        names=tuple(stream.describe(batch, t) for t in range(episodes)),
        layout=laid_out(points, layout, seed),
        neighbours=nearest_others(points, neighbours),
        groups=grouped(points, known, seed),
        kinds=kinds,
        kind_names=tuple(getattr(stream, "kind_names", ())),
        agreement=None
        if kinds is None
        else agreement(encoder, stream, episodes, range(seed, seed + seeds), groups),
    )


def few(got: int) -> InputError:
    return InputError(
        f"a map needs at least {LEAST} tasks, got {got}; 200 show their structure.",
        f"绘制任务图至少需要 {LEAST} 个任务，收到 {got} 个；200 个即可显示其结构。",
    )


def agreement(
    encoder: TaskEncoder, stream: Stream, episodes: int, seeds: range, groups: int | None = None
) -> Agreement:
    """Of this encoder's groups and those of the trivial ones with the stream's known families."""
    found: dict[str, list[float]] = {e.name: [] for e in (encoder, *TRIVIAL)}
    for seed in seeds:
        batch, kinds = stream.sample(seed, 0, episodes), kinds_of(stream, seed, episodes)
        assert kinds is not None
        for each in (encoder, *TRIVIAL):
            points = standardised(coordinates(each.many(batch)))
            labels = grouped(points, groups or len(kinds.unique()), seed)
            found[each.name].append(adjusted_rand(labels, kinds))
    values = {name: torch.tensor(v, dtype=torch.float64) for name, v in found.items()}
    own = values.pop(encoder.name)
    return Agreement(encoder.name, own, values, episodes)
