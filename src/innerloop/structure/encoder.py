"""The task encoder that fits a learner: what it has learnt to tell tasks apart by."""

from __future__ import annotations

from typing import Any

import torch

from innerloop.core import Examples, Meta
from innerloop.devices import place_of
from innerloop.errors import InputError
from innerloop.inner import Descent, class_means, class_sums
from innerloop.outer import Learner
from innerloop.structure.point import Point, TaskEncoder
from innerloop.structure.signature import signature


def from_learner(learner: Learner, meta: Meta) -> TaskEncoder:
    """The learner's own embedding of a support set, else what its kind allows.

    A method with `embed(meta, support) -> (d,)`, or a pair of mean and variance, is asked. One
    that descends gives its gradient `signature`. Of one that compares features:

        classes:  the mean of the class means (d,), and their variance (d,)
        numbers:  the mean of each target, and its covariance with each feature

    >>> import innerloop as il
    >>> learner = il.protonet(torch.nn.Linear(2, 3))
    >>> encode = from_learner(learner, learner.init())
    >>> encode(il.Examples(torch.eye(2), torch.tensor([0, 1]))).mean.shape
    torch.Size([3])
    """
    method: Any = learner.method
    if hasattr(method, "embed"):

        def embedded(support: Examples) -> Point:
            return as_point(method.embed(meta, support))

        return TaskEncoder(f"{learner.spec.algorithm} embedding", embedded, place_of(meta))
    if isinstance(method, Descent):
        return signature(learner, meta)
    if not hasattr(getattr(method, "network", None), "names"):
        raise InputError(
            f"{learner.spec.algorithm} has neither embed(meta, support) nor a network whose features "
            "could place a task; use structure.contrastive.",
            f"{learner.spec.algorithm} 既没有 embed(meta, support)，也没有可用来定位任务的网络特征；"
            "请使用 structure.contrastive。",
        )

    def by_features(support: Examples) -> Point:
        weights = {name: meta.params[name] for name in method.network.names}
        features = method.network.apply(weights, meta.state, support.x).flatten(1)  # (S, d)
        return of_features(features, support)

    return TaskEncoder(f"{learner.spec.algorithm} features", by_features, place_of(meta))


def as_point(found: Any) -> Point:
    """
    >>> as_point(torch.ones(2))
    Point(mean=tensor([1., 1.]), variance=tensor([0., 0.]))
    """
    if isinstance(found, torch.Tensor):
        mean = found.flatten()
        return Point(mean, torch.zeros_like(mean))
    mean, variance = found
    return Point(mean, variance)


def of_features(features: torch.Tensor, support: Examples) -> Point:
    """What features (S, d) and targets say about a task; see `from_learner`."""
    if support.is_classification:
        means = class_means(class_sums(features, support))  # (N, d)
        return Point(means.mean(0), means.var(0, unbiased=False))
    y = support.y.to(features.dtype).flatten(1)  # (S, out)
    centred = features - features.mean(0), y - y.mean(0)
    products = (centred[0][:, :, None] * centred[1][:, None, :]).flatten(1)  # (S, d * out)
    rows = torch.cat([y, products], 1)
    return Point(rows.mean(0), rows.var(0, unbiased=False) / len(rows))
