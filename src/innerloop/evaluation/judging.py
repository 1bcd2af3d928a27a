"""One learner, judged on the episodes of one stream: adapt to each support set, predict its query."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from innerloop.core import Episodes, Examples, Meta
from innerloop.devices import CPU, finished, place_of, to_device
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.adaptation import adaptation_generator, answers, batches
from innerloop.evaluation.calibration import reliability
from innerloop.evaluation.metrics import UNEVEN, further, names_for, unevenness
from innerloop.evaluation.scores import Scores
from innerloop.likelihoods import Bernoulli, Categorical, Likelihood, Mixture, Normal, likelihood_of
from innerloop.losses import class_columns
from innerloop.outer import Learner

BATCH = 100
EPISODES = 10_000_000  # beyond that an evaluation would not end
TIMED = 5  # tasks adapted one by one for the milliseconds


class Judged(NamedTuple):
    """values, nll, failed: (T,). tasks: (T,) whose episode each is. further: (T, figures) as
    `metrics.names_for` lists them. uneven: (T,) see `metrics.unevenness`. confidence, correct:
    (rows,) of all finite answers, of each label where a row may have several, none for regression."""

    values: Tensor
    nll: Tensor
    failed: Tensor
    tasks: Tensor
    further: Tensor
    uneven: Tensor
    confidence: Tensor
    correct: Tensor


def score(
    learner: Learner,
    meta: Meta,
    stream: Stream,
    *,
    episodes: int = 600,
    seed: int = 0,
    batch: int = BATCH,
    likelihood: Likelihood | None = None,
    note: str = "",
    progress: bool = False,
) -> Scores:
    """`evaluate` for one learner alone, without baselines."""
    few = stream.sample(seed, 0, TIMED)
    likelihood = likelihood or likelihood_for(learner, few.query)
    how = {"episodes": episodes, "seed": seed, "batch": batch, "progress": progress}
    [judged] = judge_stream(learner, meta, stream, likelihood=likelihood, **how)  # type: ignore[arg-type]
    classes = isinstance(likelihood, Categorical | Bernoulli)
    names = names_for(likelihood)
    return Scores(
        name=learner.spec.algorithm,
        metric=likelihood.metric,
        values=judged.values,
        nll=judged.nll,
        failed=int(judged.failed.sum()),
        reliability=reliability(judged.confidence, judged.correct) if classes else None,
        milliseconds=_milliseconds(learner, meta, few, seed),
        transductive=bool(getattr(learner.method, "transductive", False)),
        split=stream.name,
        seed=seed,
        ways=(stream.ways or few.query.ways) if few.query.is_classification else None,
        shots=stream.shots,
        queries=stream.queries,
        note=note,
        tasks=judged.tasks,
        further={name: judged.further[:, n] for n, name in enumerate(names)},
        uneven=bool(judged.uneven.mean() > UNEVEN),
        unit=getattr(stream, "unit", ""),
        density=isinstance(likelihood, Normal | Mixture),
    )


def likelihood_for(learner: Learner, examples: Examples) -> Likelihood:
    """The learner's own, else the one that its targets' type suggests."""
    return learner.likelihood or likelihood_of(examples)


def judge_stream(
    learner: Learner,
    meta: Meta,
    stream: Stream,
    *,
    episodes: int,
    seed: int = 0,
    batch: int = BATCH,
    steps: Sequence[int] | None = None,
    likelihood: Likelihood | None = None,
    progress: bool = False,
) -> list[Judged]:
    """All tasks' figures: one `Judged`, or one for each number of inner steps in `steps`."""
    check_episodes(episodes)
    if batch < 1:
        raise InputError(
            f"batch counts tasks judged at once and must be at least 1, got {batch}; 100 is usual.",
            f"batch 是同时评估的任务数，至少为 1，收到 {batch}；通常用 100。",
        )
    path, found = learner.path, []
    transductive = bool(getattr(learner.method, "transductive", False))
    for first, group in batches(
        stream, episodes, seed, batch, learner.spec.algorithm if progress else None
    ):
        likelihood = likelihood or likelihood_for(learner, group.query)
        order, parts = [], []
        for tasks, alike in group.alike(queries=transductive):
            numbers = (first + tasks).tolist()
            there = to_device(alike, place_of(meta))
            outputs, path = answers(
                learner, meta, there, path, seed=seed, numbers=numbers, steps=steps
            )
            outputs = to_device(outputs, CPU)  # where figures are made
            each = [outputs] if steps is None else outputs.unbind(1)
            named = first + tasks if alike.task is None else alike.task
            parts.append([judge(o, alike.query, likelihood, named) for o in each])
            order.append(tasks)
        found.append([_in_order(each, order) for each in zip(*parts, strict=True)])
    joined = [Judged(*map(_joined, zip(*parts, strict=True))) for parts in zip(*found, strict=True)]
    assert likelihood is not None
    return [
        in_unit(_finite(judged), likelihood, getattr(stream, "scale", 1.0)) for judged in joined
    ]


def check_episodes(episodes: int) -> None:
    if not 1 <= episodes <= EPISODES:
        raise InputError(
            f"episodes must lie between 1 and {EPISODES:,}, got {episodes}; 600 give a narrow "
            "interval.",
            f"episodes 必须在 1 与 {EPISODES:,} 之间，收到 {episodes}；600 个即可得到较窄的区间。",
        )


def judge(
    outputs: Tensor, query: Examples, likelihood: Likelihood, named: Tensor | None = None
) -> Judged:
    """Outputs (T, Q, ...) against the queries of T tasks; padded rows do not count.

    named: (T,) the tasks' numbers.
    """
    tasks, queries = outputs.shape[:2]
    together = class_columns(outputs, query).detach()
    rows = together.flatten(0, 1)  # (T * Q, ...)
    real = torch.ones(tasks, queries, dtype=torch.bool) if query.mask is None else query.mask
    column = real.view(tasks, queries, *[1] * (query.y.dim() - 2))
    targets = torch.where(column, query.y, 0).flatten(0, 1)  # what pads may be no class at all
    finite = likelihood.is_answer(rows)  # (T * Q,)
    miss = 0.0 if likelihood.metric == "accuracy" else torch.inf
    value = torch.where(finite, likelihood.score(rows, targets), miss).view(tasks, queries)
    nll = torch.where(finite, likelihood.negative_log(rows, targets), torch.inf)
    confidence = correct = rows.new_zeros(0)
    counted = finite & real.flatten()
    if isinstance(likelihood, Categorical):
        confidence = likelihood.probabilities(rows[counted]).amax(-1)
        correct = value.flatten()[counted]
    if isinstance(likelihood, Bernoulli):
        chance = likelihood.probabilities(rows[counted]).flatten()
        confidence = torch.maximum(chance, 1 - chance)
        correct = ((chance > 0.5) == targets[counted].flatten().bool()).to(chance.dtype)
    return Judged(
        _mean_of_real(value, real),
        _mean_of_real(nll.view(tasks, queries), real),
        (~finite.view(tasks, queries) & real).any(1),
        torch.arange(tasks) if named is None else named,
        further(
            together, targets.unflatten(0, (tasks, -1)), real, finite.view(tasks, -1), likelihood
        ),
        unevenness(query, real),
        confidence,
        correct,
    )


def _mean_of_real(value: Tensor, real: Tensor) -> Tensor:
    """(T, Q) -> (T,) in double precision: the mean over the rows that are real."""
    count = real.sum(1).clamp(min=1)
    return torch.where(real, value.double(), 0.0).sum(1) / count


def _in_order(parts: Sequence[Judged], order: Sequence[Tensor]) -> Judged:
    """Groups of tasks of equal shape as one, its tasks in the order of their numbers."""
    if len(parts) == 1:
        return parts[0]
    joined, back = Judged(*map(_joined, zip(*parts, strict=True))), torch.cat(list(order)).argsort()
    by_task = {name: getattr(joined, name)[back] for name in Judged._fields[:6]}
    return joined._replace(**by_task)


def _joined(parts: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(parts)


def in_unit(judged: Judged, likelihood: Likelihood, scale: float) -> Judged:
    """Figures of a standardised target in the target's own unit, of which `scale` is one of y."""
    if scale == 1 or likelihood.metric != "mse":
        return judged
    factor = torch.tensor([scale if name == "mae" else 1.0 for name in names_for(likelihood)])
    return judged._replace(
        values=judged.values * scale**2,
        nll=judged.nll + math.log(scale),  # of a density in that unit
        further=judged.further * factor,
    )


def _finite(judged: Judged) -> Judged:
    columns = [_worst_defined(column) for column in judged.further.unbind(1)]
    return judged._replace(
        values=_worst_for_infinite(judged.values),
        nll=_worst_for_infinite(judged.nll),
        further=torch.stack(columns, 1) if columns else judged.further,
    )


def _worst_for_infinite(values: Tensor) -> Tensor:
    finite = values.isfinite()
    if finite.all() or not finite.any():
        return values
    return torch.where(finite, values, values[finite].max())


def _worst_defined(values: Tensor) -> Tensor:
    """Infinite figures become the worst finite one; those that are undefined (nan) stay so."""
    infinite, finite = values.isinf(), values[values.isfinite()]
    if not infinite.any() or not len(finite):
        return values
    return torch.where(infinite, torch.where(values > 0, finite.max(), finite.min()), values)


def _milliseconds(learner: Learner, meta: Meta, episodes: Episodes, seed: int) -> float:
    """How long a task takes alone: the median of a few, after one that warms up."""
    taken: list[float] = []
    episodes = to_device(episodes, place_of(meta))
    for t in [0, *range(len(episodes))]:
        support, generator = episodes[t].support, adaptation_generator(seed, t)
        start = time.perf_counter()
        learner.adapt(meta, support, generator=generator)
        finished(place_of(meta))
        taken.append(1000 * (time.perf_counter() - start))
        if sum(taken) > 1000:
            break  # slow enough that warming up no longer matters
    return statistics.median(taken[1:] or taken)
