"""What a learner's own meta-validation tasks say of a new task of the same shape: whether it is like
them, and how far answers may be off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Examples, Meta
from innerloop.devices import place_of
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.judging import likelihood_for
from innerloop.evaluation.temperature import fitted
from innerloop.likelihoods import Categorical
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.structure.conformal import miss, thresholds
from innerloop.structure.encoder import from_learner
from innerloop.structure.familiar import p_values
from innerloop.structure.point import TaskEncoder, coordinates
from innerloop.structure.shape import Shape, drawn, too_few
from innerloop.structure.strangeness import Cloud, strangeness
from innerloop.structure.together import by_shape
from innerloop.tree import Tree, tree_map

LEAST = 19  # tasks: with fewer no p-value can be 0.05
TASKS, FEW = 1_000, 200  # to calibrate on; where a learner takes its time
SEED = 271_828  # of calibration tasks: not one that users train or evaluate with

Answer = Callable[[Examples, Tree], Tensor]
"""(support, x) -> outputs of one task, as they are given to the user."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Of tasks of one shape.

    strange: (n, 1 or 2) the strangeness of meta-validation tasks; weights: (n,) theirs, those of
    the draws of one task summing to 1. cloud: where the encoder puts meta-training tasks, None
    without an encoder. limits: (1001,) see `conformal.thresholds`; None where several labels
    are asked for at once. temperature: by which logits are divided; None where no label is chosen.
    """

    shape: Shape
    strange: Tensor
    weights: Tensor
    cloud: Cloud | None
    limits: Tensor | None
    temperature: float | None = None

    @property
    def tasks(self) -> int:
        """How many different tasks it rests on."""
        return round(float(self.weights.sum()))

    def p(self, learner: Learner, meta: Meta, tasks: Episodes) -> Tensor:
        """(T,) of tasks that are cut to the calibration's shape: the smaller, the less familiar."""
        return p_values(self.strange, self.weights, self.of(learner, meta, tasks))

    def of(self, learner: Learner, meta: Meta, tasks: Episodes) -> Tensor:
        """(T, 1 or 2) strangeness."""
        encoder = None if self.cloud is None else from_learner(learner, meta)
        return strangeness(learner, meta, encoder, self.cloud, tasks)


def calibrate(
    learner: Learner,
    meta: Meta,
    train: Stream,
    validation: Stream,
    shape: Shape | None = None,
    *,
    tasks: int | None = None,
    answer: Answer | None = None,
    seed: int = SEED,
) -> Calibration:
    """Meet `tasks` meta-validation tasks as a new one will be met.

    shape: of the new task's support set; None for that of the stream's first task. Tasks are cut to
        it, since both how well a task is foreseen and how far answers are off depend on it.
    tasks: None for 1000, or for 200 where the learner is slow.
    answer: how the new task's answers are made, where not by the learner alone.
    Raises an InputError where fewer than 19 different tasks have this shape.

    >>> import innerloop as il
    >>> tasks, learner = il.tasks.linear(), il.ridge()
    >>> found = calibrate(learner, learner.init(), tasks.train, tasks.validation, tasks=100)
    >>> p = found.p(learner, learner.init(), tasks.test.sample(tasks=5))
    >>> p.shape, bool((p >= 1 / 101).all())
    (torch.Size([5]), True)
    """
    shape = shape or Shape.of(validation.sample(seed, 0, 1)[0].support)  # type: ignore[union-attr]
    count = tasks or (FEW if learner.is_heavy else TASKS)
    encoder = encoder_of(learner, meta)
    cloud = None if encoder is None else cloud_of(encoder, train, shape, FEW, seed)
    strange, met, numbers = [], [], []
    many = 0
    for batch in drawn(validation, shape, count, seed):
        strange.append(strangeness(learner, meta, encoder, cloud, batch))
        met += [
            found._replace(owners=found.owners + many)
            for found in answers_of(learner, meta, batch, answer)
        ]
        numbers.append(many + torch.arange(len(batch)) if batch.task is None else batch.task)
        many += len(batch)
    different = len(torch.cat(numbers).unique()) if numbers else 0
    if different < LEAST:
        raise too_few(different, LEAST)
    weights = once_each(torch.cat(numbers))  # (n,)
    heat, limits = None, None
    if met:
        likelihood = likelihood_for(learner, batch.query)
        if isinstance(likelihood, Categorical):
            heat = fitted([found.outputs for found in met], [found.targets for found in met])
        misses, owner = misses_of(likelihood, met, heat or 1.0)
        limits = thresholds(misses, weights[owner] / owner.bincount()[owner])
    return Calibration(shape, torch.cat(strange), weights, cloud, limits, heat)


def once_each(numbers: Tensor) -> Tensor:
    """(n,) weights by which the draws of one task together count once.

    >>> once_each(torch.tensor([7, 7, 3]))
    tensor([0.5000, 0.5000, 1.0000], dtype=torch.float64)
    """
    _, which, counts = numbers.unique(return_inverse=True, return_counts=True)
    return 1 / counts[which].double()


def encoder_of(learner: Learner, meta: Meta) -> TaskEncoder | None:
    """The learner's, if it can place tasks at all."""
    try:
        return from_learner(learner, meta)
    except InputError:
        return None


def cloud_of(
    encoder: TaskEncoder, train: Stream, shape: Shape, tasks: int, seed: int
) -> Cloud | None:
    """Where the encoder puts meta-training tasks; None if none of them has this shape."""
    found = [coordinates(encoder.many(batch)) for batch in drawn(train, shape, tasks, seed)]
    return Cloud.of(torch.cat(found)) if sum(map(len, found)) > 1 else None


class Met(NamedTuple):
    """Tasks of one shape that were met: outputs (rows, N) and targets (rows, ...) of all real queries, and
    owners (rows,), which task each is of."""

    outputs: Tensor
    targets: Tensor
    owners: Tensor


def answers_of(
    learner: Learner, meta: Meta, tasks: Episodes, answer: Answer | None = None
) -> list[Met]:
    """What is answered in T tasks; nothing where a row may have several labels."""
    if tasks.query.is_multilabel:
        return []

    def plain(support: Examples, x: Tree) -> Tensor:
        return learner.predict(meta, learner.adapt(meta, support), x)

    def one(task: Episode) -> Tensor:
        outputs = (answer or plain)(task.support, task.query.x)
        return class_columns(outputs, task.query)

    found = []
    for numbers, alike, outputs in by_shape(one, tasks, place_of(meta), queries=False):
        real = torch.ones(alike.query.y.shape[:2], dtype=torch.bool)
        real = real if alike.query.mask is None else alike.query.mask
        owners = numbers[:, None].expand(real.shape)[real]
        found.append(Met(outputs[real], alike.query.y[real], owners))
    return found


def misses_of(likelihood: Any, met: Sequence[Met], heat: float = 1.0) -> tuple[Tensor, Tensor]:
    """(how far each query's answer is off, whose query it is), with outputs divided by `heat`."""
    misses = torch.cat([miss(likelihood, found.outputs / heat, found.targets) for found in met])
    owners = torch.cat([found.owners for found in met])
    return torch.nan_to_num(misses, nan=torch.inf, posinf=torch.inf), owners


def alone(support: Examples) -> Episodes:
    """A support set as a batch of one task, which has no queries but its own rows."""
    one = tree_map(lambda leaf: leaf[None], support)
    return Episodes(one, one)
