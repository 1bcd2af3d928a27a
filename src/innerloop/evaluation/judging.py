"""One learner, judged on the episodes of one stream: adapt to each support set, predict its query.

Tasks are adapted together by vmap where the learner's path allows it, else one after the other.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.func import vmap

from innerloop.core import Episode, Episodes, Examples, Meta
from innerloop.episodes import Draws, Stream
from innerloop.errors import InputError
from innerloop.evaluation.calibration import reliability
from innerloop.evaluation.scores import Scores
from innerloop.language import say
from innerloop.likelihoods import Categorical, Likelihood, likelihood_of
from innerloop.losses import class_columns
from innerloop.outer import Learner

BATCH = 50
TIMED = 5  # tasks adapted one by one for the milliseconds


class Judged(NamedTuple):
    """values, nll, failed: (T,). confidence, correct: (rows,) of all finite answers; empty for regression."""

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
    if episodes < 1 or batch < 1:
        raise InputError(
            f"an evaluation needs at least one episode, got episodes={episodes}, batch={batch}; "
            "ask for 1 or more.",
            f"评估至少需要一个任务，收到 episodes={episodes}，batch={batch}；请给 1 或更大的数。",
        )
    few = stream.sample(seed, 0, TIMED)
    likelihood = likelihood or getattr(learner.method, "likelihood", None)
    likelihood = likelihood or likelihood_of(few.query)
    path, judged = learner.path, []
    for first, group in batches(stream, episodes, seed, batch, name_of(learner), progress):
        outputs, path = answers(learner, meta, group, path, seed=seed, first=first)
        judged.append(judge(outputs, group.query, likelihood))
    values, nll, failed, confidence, correct = map(_joined, zip(*judged, strict=True))
    classes = isinstance(likelihood, Categorical)
    return Scores(
        name=name_of(learner),
        metric=likelihood.metric,
        values=_worst_for_infinite(values),
        nll=_worst_for_infinite(nll),
        failed=int(failed.sum()),
        reliability=reliability(confidence, correct) if classes else None,
        milliseconds=_milliseconds(learner, meta, few, seed),
        transductive=bool(getattr(learner.method, "transductive", False)),
        split=stream.name,
        seed=seed,
        ways=few.query.ways if few.query.is_classification else None,
        shots=stream.shots,
        queries=stream.queries,
        note=note,
    )


def name_of(learner: Learner) -> str:
    return learner.spec.algorithm


def batches(
    stream: Stream, episodes: int, seed: int, batch: int, name: str, progress: bool
) -> Iterator[tuple[int, Episodes]]:
    """(number of the first episode, episodes) until `episodes` are drawn; a bar on stderr."""
    starts = range(0, episodes, batch)
    if progress:
        from rich.console import Console
        from rich.progress import track

        starts = track(starts, description=name, console=Console(file=sys.stderr))  # type: ignore[assignment]
    for index, start in enumerate(starts):
        yield start, stream.sample(seed, index, batch)[: episodes - start]  # type: ignore[misc]


def answers(
    learner: Learner, meta: Meta, episodes: Episodes, path: str, *, seed: int, first: int
) -> tuple[Tensor, str]:
    """(outputs (T, Q, ...) of the query sets, the path that worked)."""

    def one(episode: Episode, generator: Generator) -> Tensor:
        fast = learner.adapt(meta, episode.support, generator=generator)
        return learner.predict(meta, fast, episode.query.x)

    if path != "loop":
        try:
            generator = adaptation_generator(seed, first)
            together = vmap(lambda episode: one(episode, generator), randomness="different")
            return together(episodes.as_episode()), path
        except RuntimeError as error:
            if "vmap" not in str(error) and "batching rule" not in str(error):
                raise
            _say_that_tasks_run_one_by_one(error)
    each = [one(e, adaptation_generator(seed, first + t)) for t, e in enumerate(episodes)]
    return torch.stack(each), "loop"


def adaptation_generator(seed: int, episode: int) -> Generator:
    """Randomness of one task's adaptation: the same whatever batch the task is in."""
    number = Draws(seed, "adaptation", [episode]).unit(1)[0, 0]
    return Generator().manual_seed(int(number * 2**53))


def _say_that_tasks_run_one_by_one(error: RuntimeError) -> None:
    reason = str(error).splitlines()[0][:120]
    warnings.warn(
        say(
            f"This learner cannot adapt to many tasks at once, so tasks run one by one ({reason}).",
            f"该学习器无法同时适应多个任务，因此任务将逐个运行（{reason}）。",
        ),
        stacklevel=2,
    )


def judge(outputs: Tensor, query: Examples, likelihood: Likelihood) -> Judged:
    """Outputs (T, Q, ...) against the queries of T tasks; padded rows do not count."""
    tasks, queries = outputs.shape[:2]
    rows = class_columns(outputs, query).flatten(0, 1).detach()  # (T * Q, ...)
    real = torch.ones(tasks, queries, dtype=torch.bool) if query.mask is None else query.mask
    column = real.view(tasks, queries, *[1] * (query.y.dim() - 2))
    targets = torch.where(column, query.y, 0).flatten(0, 1)  # what pads may be no class at all
    finite = rows.isfinite().flatten(1).all(1)  # (T * Q,)
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


def _joined(parts: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(parts)


def _worst_for_infinite(values: Tensor) -> Tensor:
    finite = values.isfinite()
    if finite.all() or not finite.any():
        return values
    return torch.where(finite, values, values[finite].max())


def _milliseconds(learner: Learner, meta: Meta, episodes: Episodes, seed: int) -> float:
    """How long a task takes alone: the median of a few, after one that warms up."""
    taken = []
    for t in [0, *range(len(episodes))]:
        support, generator = episodes[t].support, adaptation_generator(seed, t)
        start = time.perf_counter()
        learner.adapt(meta, support, generator=generator)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[1:])
