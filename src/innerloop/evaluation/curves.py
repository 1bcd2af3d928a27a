"""How a learner's figure grows with inner steps, and with shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from innerloop.core import Meta
from innerloop.episodes import Stream
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.judging import BATCH, Judged, judge_stream, likelihood_for
from innerloop.evaluation.scores import aligned
from innerloop.likelihoods import Metric
from innerloop.outer import Learner


@dataclass(frozen=True)
class Curve:
    """A figure with its 95 % interval at each point; every point sees tasks of the same seed.

    over: "inner_steps" or "shots"; at: the points; mean, ci95: the figure there.
    """

    over: str
    metric: Metric
    at: tuple[int, ...]
    mean: tuple[float, ...]
    ci95: tuple[float, ...]
    episodes: int

    def __str__(self) -> str:
        points = zip(self.at, self.mean, self.ci95, strict=True)
        table = [(str(at), f"{mean:.4f} ± {ci95:.4f}") for at, mean, ci95 in points]
        return "\n".join(aligned([(self.over, self.metric), *table]))

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {
            "over": self.over,
            "metric": self.metric,
            "at": list(self.at),
            "mean": list(self.mean),
            "ci95": list(self.ci95),
            "episodes": self.episodes,
        }


def over_inner_steps(
    learner: Learner,
    meta: Meta,
    stream: Stream,
    *,
    inner_steps: Sequence[int] = (0, 1, 2, 3, 5, 10),
    episodes: int = 200,
    seed: int = 0,
    batch: int = BATCH,
) -> Curve:
    """The figure after each of these numbers of inner steps, on the same episodes.

    A gradient-based learner adapts to each task once and is watched on its way. 0 is the
    prediction before adaptation.

    >>> import torch, innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.05)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> curve = over_inner_steps(learner, meta, il.tasks.linear().test, episodes=20)
    >>> curve.mean[0] > curve.mean[3] > curve.mean[5]
    True
    """
    steps = tuple(inner_steps)
    found = judge_stream(
        learner, meta, stream, episodes=episodes, seed=seed, batch=batch, steps=steps
    )
    return _curve("inner_steps", steps, found, learner, stream)


def over_shots(
    learner: Learner,
    meta: Meta,
    stream: Stream,
    *,
    shots: Sequence[int] = (1, 2, 5, 10),
    episodes: int = 200,
    seed: int = 0,
    batch: int = BATCH,
) -> Curve:
    """The figure with each of these numbers of support examples (per class, or per task).

    >>> import innerloop as il
    >>> learner = il.algorithms.nearest_neighbour()
    >>> curve = over_shots(learner, learner.init(), il.tasks.linear().test, episodes=20)
    >>> curve.mean[0] > curve.mean[-1]
    True
    """
    streams = [stream.replace(shots=k) for k in shots]
    found = [
        judge_stream(learner, meta, each, episodes=episodes, seed=seed, batch=batch)[0]
        for each in streams
    ]
    return _curve("shots", tuple(shots), found, learner, stream)


def _curve(
    over: str, at: tuple[int, ...], found: list[Judged], learner: Learner, stream: Stream
) -> Curve:
    metric = likelihood_for(learner, stream.sample(0, 0, 1).query).metric
    mean, ci95 = zip(*(mean_and_ci95(judged.values, judged.tasks) for judged in found), strict=True)
    return Curve(over, metric, at, mean, ci95, len(found[0].values))
