"""How strange a task is to a learner: how badly it foresees examples that it was not shown, and how
far away an encoder puts it. Larger is stranger."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Examples, Meta
from innerloop.devices import place_of
from innerloop.episodes import together
from innerloop.evaluation.judging import likelihood_for
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.structure.point import TaskEncoder, coordinates
from innerloop.structure.together import for_each
from innerloop.tree import tree_map

FOLDS = 5
TINY = 1e-15  # a variance below is none


def left_out(support: Examples, folds: int = FOLDS) -> list[Episode]:
    """A support set as tasks of its own: learn from all but a share of the rows, be judged on it.

    Each row is left out once: one by one where there are no more than `folds` (of a class), else
    every fifth. A task of which a class has a single row can leave none out: it is judged on the
    rows that it has learnt from.

    >>> support = Examples(torch.zeros(3, 1), torch.tensor([[1.0], [2.0], [3.0]]))
    >>> [fold.query.y.flatten().tolist() for fold in left_out(support)]
    [[1.0], [2.0], [3.0]]
    """
    turn = torch.arange(len(support.y))
    fewest = len(turn)
    if support.is_classification:
        member = support.y[:, None] == torch.arange(support.ways or 1)  # (S, N)
        turn = (member.cumsum(0) - 1).gather(1, support.y[:, None])[
            :, 0
        ]  # the row's place in its class
        held = member.sum(0)
        fewest = int(held[held > 0].min())
    if fewest < 2:
        return [Episode(support, support)]
    turn = turn % min(folds, fewest)

    def side(rows: Tensor) -> Examples:
        return Examples(
            tree_map(lambda leaf: leaf[rows], support.x), support.y[rows], ways=support.ways
        )

    return [Episode(side(turn != fold), side(turn == fold)) for fold in turn.unique().tolist()]


def surprise(learner: Learner, meta: Meta, episodes: Episodes) -> Tensor:
    """(T,) the mean negative log-likelihood of each task's support rows, foreseen from the others."""
    each = [left_out(task.support) for task in episodes]
    task = torch.tensor([t for t, folds in enumerate(each) for _ in folds])
    folds = together([fold for folds in each for fold in folds])

    def one(fold: Episode) -> Tensor:
        fast = learner.adapt(meta, fold.support)
        outputs = class_columns(learner.predict(meta, fast, fold.query.x), fold.query)
        nll = likelihood_for(learner, fold.query).negative_log(outputs, fold.query.y)
        return torch.stack([nll.double().sum(), nll.new_tensor(len(nll)).double()])

    sums = torch.zeros(len(each), 2, dtype=torch.float64)
    sums = sums.index_add(0, task, for_each(one, folds, place_of(meta)))
    return torch.nan_to_num(sums[:, 0] / sums[:, 1], nan=torch.inf, posinf=torch.inf)


class Cloud(NamedTuple):
    """Where tasks are usually put: their mean (d,) and the inverse of their covariance,

        rest I + directions^T (along - rest) directions,

    directions: (r, d) those that tasks differ in, at most as many as tasks; along: (r,) the inverse
    variance there; rest: () in all others. Features of thousands of numbers cost no more than tasks do.
    """

    mean: Tensor
    directions: Tensor
    along: Tensor
    rest: Tensor

    @classmethod
    def of(cls, points: Tensor) -> Cloud:
        """Of points (T, d), the covariance shrunk to a multiple of the identity as far as Ledoit and
        Wolf 2004 (doi:10.1016/S0047-259X(03)00096-4) find best."""
        points = points.double()
        mean = points.mean(0)
        _, lengths, directions = torch.linalg.svd(points - mean, full_matrices=False)
        variances = lengths.square() / len(points)
        level = variances.sum() / points.shape[1]
        shrink = shrinkage(points - mean, level)
        return cls(
            mean,
            directions.float(),
            inverse((1 - shrink) * variances + shrink * level),
            inverse(shrink * level),
        )

    def distance(self, points: Tensor) -> Tensor:
        """(T,) Mahalanobis distances of points (T, d).

        >>> cloud = Cloud(torch.zeros(2), torch.tensor([[0.0, 1.0]]), torch.ones(1) / 4, torch.ones(()))
        >>> cloud.distance(torch.tensor([[0.0, 6.0], [6.0, 0.0]]))
        tensor([3., 6.], dtype=torch.float64)
        """
        gap = points.double() - self.mean
        seen = gap @ self.directions.double().T  # (T, r)
        others = (gap.square().sum(1) - seen.square().sum(1)).clamp(min=0)
        squared = seen.square() @ self.along.double() + self.rest * others
        return torch.nan_to_num(squared.clamp(min=0).sqrt(), nan=torch.inf, posinf=torch.inf)


def shrinkage(centred: Tensor, level: Tensor) -> Tensor:
    """() Ledoit and Wolf's share of the identity, of centred points (T, d) whose mean variance is `level`.

    All that it needs stands in the products of points, (T, T).
    """
    count, width = centred.shape
    products = centred @ centred.T
    spread = products.square().sum() / count**2  # of the covariance's entries, squared
    far = (spread - width * level**2) / width
    noise = (products.diagonal().square().sum() / count - spread) / (width * count)
    return torch.where(far > 0, (noise.clamp(min=0) / far).clamp(max=1), torch.zeros_like(far))


def inverse(variance: Tensor) -> Tensor:
    """1 / variance; 0 where nothing varies."""
    return torch.where(variance > TINY, 1 / variance.clamp(min=TINY), 0.0)


def strangeness(
    learner: Learner, meta: Meta, encoder: TaskEncoder | None, cloud: Cloud | None, tasks: Episodes
) -> Tensor:
    """(T, 2), or (T, 1) without an encoder: surprise, and distance."""
    columns = [surprise(learner, meta, tasks)]
    if encoder is not None and cloud is not None:
        columns.append(cloud.distance(coordinates(encoder.many(tasks))))
    return torch.stack(columns, 1)
