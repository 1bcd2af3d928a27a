"""Judge by a metric: what the losses of a batch say, and now and then the validation episodes."""

from __future__ import annotations

import math
from typing import Any

from innerloop.core import MetaGradient
from innerloop.evaluation import evaluate, mean_and_ci95
from innerloop.training.course import LOWER_IS_BETTER, Course
from innerloop.training.optimiser import Layout
from innerloop.training.state import NAMED, Best, Counts, State

VALIDATION_SEED = 0  # the same validation episodes in every run, so that runs can be compared


def judge(course: Course, layout: Layout, state: State, found: MetaGradient) -> State:
    """Count the batch's losses; now and then judge the weights by the validation metric."""
    counts = counted(course, state, found)
    state = state._replace(counts=counts, metric=None, score=None, row=None)
    if course.validate_every and state.step and state.step % course.validate_every == 0:
        state = validated(course, layout, state)
    due = (state.step + 1) % course.log_every == 0 or state.metric is not None
    return with_row(course, state) if due else state


def counted(course: Course, state: State, found: MetaGradient) -> Counts:
    counts, kept = state.counts, found.kept
    if kept.all():
        loss = found.losses.mean().item()
        return counts._replace(loss=counts.loss + loss, losses=counts.losses + 1)
    bad = (~kept).nonzero().flatten().tolist()
    episodes = course.train.sample(course.seed, state.step, course.meta_batch)
    names = [course.train.describe(episodes, t) for t in bad[: NAMED - len(counts.names)]]
    counts = counts._replace(dropped=counts.dropped + len(bad), names=(*counts.names, *names))
    if len(bad) == len(kept):
        return counts
    loss = found.losses[kept].mean().item()
    return counts._replace(loss=counts.loss + loss, losses=counts.losses + 1)


def validated(course: Course, layout: Layout, state: State) -> State:
    """The metric on a fixed set of meta-validation episodes; the best weights so far are kept. Where
    a learner says how its targets are spread, it is judged by that: by the negative log-likelihood.

    Weights within a standard error of the best are as good, and the later ones are kept: they have
    learnt longer, and the difference between the two is luck.
    """
    scores = evaluate(
        course.learner,
        state.last(layout),
        course.validation,
        episodes=course.validation_episodes,
        seed=VALIDATION_SEED,
    )
    values = scores.nll if scores.density else scores.values  # a density is judged as one
    metric, ci95 = mean_and_ci95(values, scores.tasks)[0], mean_and_ci95(values)[1]
    score = -metric if scores.density or scores.metric in LOWER_IS_BETTER else metric
    best = state.best
    # the luck is that of drawing these very episodes, whichever tasks they are of
    luck = ci95 / 1.96 if math.isfinite(ci95) else 0.0
    if math.isfinite(score) and (best is None or score > best.score - luck):
        weights = state.weights if state.average is None else state.average
        highest = score if best is None else max(score, best.score)
        best = Best(weights, state.buffers, state.step, metric, highest)
    return state._replace(metric=metric, score=score, best=best)


def with_row(course: Course, state: State) -> State:
    """The history's line for the weights as they are before this step's update."""
    counts, metric, loss = state.counts, state.metric, None
    if counts.losses:
        loss = counts.loss / counts.losses
    elif state.row is not None:  # at the end: the line of the last batch becomes the last line
        loss = state.row["loss"]
    row: dict[str, Any] = {
        "step": state.step,
        "loss": loss,
        "lr": course.lr * state.factor,
        "validation": metric if metric is not None and math.isfinite(metric) else None,
        "dropped": counts.dropped,
        "seconds": round(state.seconds, 3),
    }
    return state._replace(row=row, counts=counts._replace(loss=0.0, losses=0))
