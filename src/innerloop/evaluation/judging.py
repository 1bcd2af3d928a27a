"""One learner, judged on the episodes of one stream: adapt to each support set, predict its query."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from innerloop.core import Episodes, Examples, Meta
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.adaptation import adaptation_generator, answers, batches
from innerloop.evaluation.calibration import reliability
from innerloop.evaluation.scores import Scores
from innerloop.likelihoods import Categorical, Likelihood, likelihood_of
from innerloop.losses import class_columns
from innerloop.outer import Learner

BATCH = 100
TIMED = 5  # tasks adapted one by one for the milliseconds


class Judged(NamedTuple):
    """values, nll, failed: (T,). confidence, correct: (rows,) of all finite answers, none of
    them for regression."""

    values: Tensor
    nll: Tensor
    failed: Tensor
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
    classes = isinstance(likelihood, Categorical)
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
    )


def likelihood_for(learner: Learner, examples: Examples) -> Likelihood:
    """The learner's own, else the one that its targets' type suggests."""
    return getattr(learner.method, "likelihood", None) or likelihood_of(examples)


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
    if episodes < 1 or batch < 1:
        raise InputError(
            f"an evaluation needs at least one episode, got episodes={episodes}, batch={batch}; "
            "ask for 1 or more.",
            f"评估至少需要一个任务，收到 episodes={episodes}，batch={batch}；请给 1 或更大的数。",
        )
    path, found = learner.path, []
    for first, group in batches(
        stream, episodes, seed, batch, learner.spec.algorithm if progress else None
    ):
        likelihood = likelihood or likelihood_for(learner, group.query)
        order, parts = [], []
        for tasks, alike in group.alike():
            numbers = (first + tasks).tolist()
            outputs, path = answers(
                learner, meta, alike, path, seed=seed, numbers=numbers, steps=steps
            )
            each = [outputs] if steps is None else outputs.unbind(1)
            parts.append([judge(o, alike.query, likelihood) for o in each])
            order.append(tasks)
        found.append([_in_order(each, order) for each in zip(*parts, strict=True)])
    joined = [Judged(*map(_joined, zip(*parts, strict=True))) for parts in zip(*found, strict=True)]
    return [
        j._replace(values=_worst_for_infinite(j.values), nll=_worst_for_infinite(j.nll))
        for j in joined
    ]


def judge(outputs: Tensor, query: Examples, likelihood: Likelihood) -> Judged:
    """Outputs (T, Q, ...) against the queries of T tasks; padded rows do not count."""
    tasks, queries = outputs.shape[:2]
    rows = class_columns(outputs, query).flatten(0, 1).detach()  # (T * Q, ...)
    real = torch.ones(tasks, queries, dtype=torch.bool) if query.mask is None else query.mask
    column = real.view(tasks, queries, *[1] * (query.y.dim() - 2))
    targets = torch.where(column, query.y, 0).flatten(0, 1)  # what pads may be no class at all
    finite = likelihood.is_answer(rows)  # (T * Q,)
    miss = 0.0 if likelihood.metric == "accuracy" else torch.inf
    value = torch.where(finite, likelihood.score(rows, targets), miss).view(tasks, queries)
    nll = torch.where(finite, likelihood.negative_log(rows, targets), torch.inf)
    confidence = correct = rows.new_zeros(0)
    if isinstance(likelihood, Categorical):
        counted = finite & real.flatten()
        confidence = likelihood.probabilities(rows[counted]).amax(-1)
        correct = value.flatten()[counted]
    return Judged(
        _mean_of_real(value, real),
        _mean_of_real(nll.view(tasks, queries), real),
        (~finite.view(tasks, queries) & real).any(1),
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
    values, nll, failed = (leaf[back] for leaf in joined[:3])
    return joined._replace(values=values, nll=nll, failed=failed)


def _joined(parts: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(parts)


def _worst_for_infinite(values: Tensor) -> Tensor:
    finite = values.isfinite()
    if finite.all() or not finite.any():
        return values
    return torch.where(finite, values, values[finite].max())


def _milliseconds(learner: Learner, meta: Meta, episodes: Episodes, seed: int) -> float:
    """How long a task takes alone: the median of a few, after one that warms up."""
    taken: list[float] = []
    for t in [0, *range(len(episodes))]:
        support, generator = episodes[t].support, adaptation_generator(seed, t)
        start = time.perf_counter()
        learner.adapt(meta, support, generator=generator)
        taken.append(1000 * (time.perf_counter() - start))
        if sum(taken) > 1000:
            break  # slow enough that warming up no longer matters
    return statistics.median(taken[1:] or taken)
