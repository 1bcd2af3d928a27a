"""Nearest neighbour (Cover and Hart 1967, doi:10.1109/TIT.1967.1053964) and nearest centroid (with
SimpleShot's normalisation: Wang et al. 2019, arXiv:1911.04623)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from innerloop.core import Examples, Meta, Params
from innerloop.errors import InputError
from innerloop.inner import Untrained, class_means, class_sums, require_classes
from innerloop.inner.prototypes import membership, squared_distances, without_absent
from innerloop.losses import Loss
from innerloop.models import Encoder
from innerloop.models.network import Model
from innerloop.outer import algorithm
from innerloop.tree import Tree


@dataclass(frozen=True)
class Fixed(Untrained):
    """What both have in common: features of a model that stays as it is, or the raw inputs."""

    network: Encoder
    loss: Loss | None

    def init(self, generator: Generator | None = None) -> Meta:
        return Meta(*self.network.init(generator))

    def features(self, meta: Meta, x: Tree) -> Tensor:
        return self.network.apply(meta.params, meta.state, x).flatten(1)  # (rows, d)


@dataclass(frozen=True)
class NearestNeighbour(Fixed):
    neighbours: int

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise InputError(
                f"neighbours must be at least 1, got {self.neighbours}; 1 is usual.",
                f"neighbours 至少为 1，收到 {self.neighbours}；通常用 1。",
            )

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        y = support.y
        if support.is_classification:
            y = membership(support)
        elif support.is_multilabel:
            y = (2.0 * y - 1.0) * math.log(3)  # log-odds of a vote, one more spread over yes and no
        features = self.features(meta, support.x)
        real = torch.ones_like(features[:, 0], dtype=torch.bool)
        return {
            "features": features,  # (S, d)
            "targets": y,  # (S, N) where it is a class, (S, ...) where it is a number
            "real": real if support.mask is None else support.mask,
        }

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        far = squared_distances(self.features(meta, x), fast["features"])  # (Q, S)
        far = torch.where(fast["real"], far, torch.inf)
        count = min(self.neighbours, far.shape[1])
        distance, nearest = far.topk(count, largest=False)  # (Q, count), the nearest first
        votes = torch.isfinite(distance).to(far.dtype)  # a row that pads has no vote
        targets = fast["targets"][nearest].to(far.dtype)  # (Q, count, ...)
        if fast["targets"].dtype.is_floating_point:
            weight = votes / votes.sum(1, keepdim=True).clamp(min=1)
            return (weight.view(*weight.shape, *[1] * (targets.dim() - 2)) * targets).sum(1)
        votes = votes * (
            1 - 1e-3 * torch.arange(count, device=far.device) / count
        )  # a tie: the nearer
        share = (votes[..., None] * targets).sum(1) + 1 / targets.shape[
            -1
        ]  # one vote for all alike
        return (share / share.sum(1, keepdim=True)).log()


@dataclass(frozen=True)
class NearestCentroid(Fixed):
    normalise: bool

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        require_classes("nearest_centroid", support)
        features = self.features(meta, support.x)
        classes = class_sums(features, support)
        centre = torch.zeros_like(features[0])
        if self.normalise:
            centre = classes["sums"].sum(0) / classes["counts"].sum().clamp(min=1)
            classes = class_sums(F.normalize(features - centre, dim=-1), support)
        return {**classes, "centre": centre}

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        features = self.features(meta, x)
        if self.normalise:
            features = F.normalize(features - fast["centre"], dim=-1)
        return without_absent(-squared_distances(features, class_means(fast)), fast)


@algorithm(encoder=True, steps=0)
def nearest_neighbour(
    model: Model | None = None, loss: Loss | None = None, *, neighbours: int = 1
) -> NearestNeighbour:
    """The label of the nearest support example, or what the k nearest say.

        classes     log of the share of votes among the nearest, one more vote spread over all
        numbers     the mean of the nearest targets
        labels      likewise of their log-odds, of which one neighbour gives log 3 for or against

    model: features to compare by, frozen; None compares the inputs themselves, flattened.
    Nothing is learnt across tasks: the meta-gradient is zero, and `suggestions.steps` is 0.

    >>> import torch, innerloop as il
    >>> learner = il.nearest_neighbour()
    >>> meta = learner.init()
    >>> fast = learner.adapt(meta, il.Examples(torch.eye(2), torch.tensor([[7.0], [8.0]])))
    >>> learner.predict(meta, fast, torch.eye(2))
    tensor([[7.],
            [8.]])
    """
    return NearestNeighbour(Encoder(nn.Flatten() if model is None else model), loss, neighbours)


@algorithm(encoder=True, steps=0)
def nearest_centroid(
    model: Model | None = None, loss: Loss | None = None, *, normalise: bool = False
) -> NearestCentroid:
    """The class whose mean is nearest: a prototypical network that never learns.

        p(n | x) = softmax_n(-||f(x) - mean_n||²)

    model: features to compare by, frozen; None compares the inputs themselves, flattened.
    normalise: centre on the support set's mean and divide by the length first, as SimpleShot does
        (which centres on the mean of meta-training).
    Nothing is learnt across tasks: the meta-gradient is zero, and `suggestions.steps` is 0.

    >>> import torch, innerloop as il
    >>> learner = il.nearest_centroid()
    >>> meta = learner.init()
    >>> fast = learner.adapt(meta, il.Examples(torch.eye(2), torch.tensor([0, 1])))
    >>> learner.predict(meta, fast, torch.eye(2)).argmax(1)
    tensor([0, 1])
    """
    return NearestCentroid(Encoder(nn.Flatten() if model is None else model), loss, normalise)
