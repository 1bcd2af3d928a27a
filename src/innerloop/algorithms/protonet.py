"""Prototypical networks (Snell, Swersky and Zemel 2017, arXiv:1703.05175)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from innerloop.core import Episode, Examples, Meta, Params
from innerloop.inner.prototypes import (
    add_classes,
    class_means,
    class_sums,
    require_classes,
    squared_distances,
    without_absent,
)
from innerloop.losses import Loss, mean_loss
from innerloop.models import Encoder
from innerloop.models.network import Model
from innerloop.outer import algorithm
from innerloop.tree import Tree, rows, tree_map

SCALE = "cosine.log_scale"
Distance = Literal["euclidean", "cosine"]


@dataclass(frozen=True)
class Prototypical:
    network: Encoder
    loss: Loss | None
    distance: Distance
    single_pass = True

    def init(self, generator: Generator | None = None) -> Meta:
        params, state = self.network.init(generator)
        if self.distance == "cosine":
            like = next(iter(params.values()), torch.zeros(()))
            params[SCALE] = like.new_tensor(10.0).log()
        return Meta(params, state)

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        require_classes("protonet", support)
        return class_sums(self._directed(self.network.apply(*_split(meta), support.x)), support)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return self._logits(meta, fast, self._directed(self.network.apply(*_split(meta), x)))

    def observe(self, meta: Meta, fast: Tree, more: Examples) -> Params:
        """More shots of a known class, or the first of a new one: a sum is added to."""
        return add_classes(fast, self.adapt(meta, more))

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        require_classes("protonet", episode.support)
        weights, buffers = _split(meta)
        both = tree_map(lambda s, q: torch.cat([s, q]), episode.support.x, episode.query.x)
        features, state = self.network.observe(weights, buffers, both, training=True)
        features = self._directed(features)  # (S + Q, d)
        first = rows(episode.support.x)
        classes = class_sums(features[:first], episode.support)
        logits = self._logits(meta, classes, features[first:])
        return mean_loss(self.loss, logits, episode.query), state

    def _directed(self, features: Tensor) -> Tensor:
        return F.normalize(features, dim=-1) if self.distance == "cosine" else features

    def _logits(self, meta: Meta, classes: Params, features: Tensor) -> Tensor:
        prototypes = class_means(classes)  # (N, d)
        if self.distance == "cosine":
            logits = meta.params[SCALE].exp() * features @ F.normalize(prototypes, dim=-1).T
        else:
            logits = -squared_distances(features, prototypes)
        return without_absent(logits, classes)  # (rows, N)


def _split(meta: Meta) -> tuple[Params, Params]:
    return {n: p for n, p in meta.params.items() if n != SCALE}, meta.state


@algorithm(
    encoder=True,
    steps=4_500,
    meta_batch=1,
    lr=5e-3,
    weight_decay=0.05,
    ways=64,
    shots=1,
    queries=1,
)
def protonet(
    model: Model, loss: Loss | None = None, *, distance: Distance = "euclidean"
) -> Prototypical:
    """Embed, average each class, and take the nearest average.

        prototype_n = mean of f(x) over the support rows of class n
        p(n | x) = softmax_n(-||f(x) - prototype_n||²),   or softmax_n(scale * cos(f(x), prototype_n))

    model: an encoder without an output layer, x (rows, ...) -> features (rows, d).
    distance: "euclidean", or "cosine" with a learnt scale.
    An adapted task is N sums and counts, any number of ways; further examples and further classes
    are added by `observe`. Batch norm uses running statistics once it has learnt.
    It is trained on more ways than it is tested on, as the paper recommends (`suggestions`).

    >>> import torch, innerloop as il
    >>> learner = il.protonet(torch.nn.Linear(2, 3))
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.eye(2), torch.tensor([0, 1])))
    >>> learner.predict(meta, fast, torch.eye(2)).argmax(1)
    tensor([0, 1])
    """
    return Prototypical(Encoder(model), loss, distance)
