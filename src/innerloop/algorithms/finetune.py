"""Transfer learning: pretrain on all meta-training classes at once, then fine-tune (the Baseline of
Chen et al. 2019, arXiv:1904.04232)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

from innerloop.core import Episode, Examples, Meta, Params, concatenate
from innerloop.errors import InputError
from innerloop.inner import (
    Adam,
    Rule,
    check_steps,
    class_means,
    class_sums,
    descend,
    everything,
    first_order,
    head,
    require_classes,
)
from innerloop.losses import Loss, mean_loss
from innerloop.models import Encoder
from innerloop.models.heads import Head, LinearHead
from innerloop.models.network import Model
from innerloop.outer import algorithm
from innerloop.tree import Tree

Moves = Literal["head", "all"]


@dataclass(frozen=True)
class Transfer:
    """Features learnt by telling all `classes` apart; a fresh head for every new task."""

    network: Encoder
    loss: Loss | None
    head: Head
    classes: int
    how_far: Rule
    steps: int
    moves: Moves

    def __post_init__(self) -> None:
        check_steps(self.steps)
        if self.classes < 2:
            raise InputError(
                "classes counts all that meta-training has and must be at least 2, got "
                f"{self.classes}; Omniglot has 4112, say.",
                f"classes 是元训练的类别总数，至少为 2，收到 {self.classes}；例如 Omniglot 有 4112 个。",
            )

    def init(self, generator: Generator | None = None) -> Meta:
        params, state = self.network.init(generator)
        layer = self.head.draw(self.classes, self.network.features, generator)
        like = next(iter(params.values()), None)
        return Meta({**params, **{n: p.to(like) for n, p in layer.items()}}, state)

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        weights, layer = self._split(meta.params)
        both = globally_labelled(episode, self.classes)
        features, state = self.network.observe(weights, meta.state, both.x, training=True)
        return mean_loss(self.loss, self.head.apply(layer, features), both), state

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        require_classes("a head over classes", support)
        weights, _ = self._split(meta.params)
        features = self.network.apply(weights, meta.state, support.x)
        start = self.head.start(class_means(class_sums(features, support)))  # one row per class

        def support_loss(moved: Params) -> Tensor:
            z = features if self.moves == "head" else self._features(meta, moved, support.x)
            return mean_loss(self.loss, self.head.apply(moved, z), support)

        if self.moves == "all":
            start = {**weights, **start}
        return descend(support_loss, start, self.how_far, self.steps, through=first_order)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return self.head.apply(fast, self._features(meta, fast, x))

    def _features(self, meta: Meta, fast: Params, x: Tree) -> Tensor:
        weights, _ = self._split({**meta.params, **fast})
        return self.network.apply(weights, meta.state, x)

    def _split(self, params: Params) -> tuple[Params, Params]:
        """The network's weights, and the output layer's."""
        names = self.network.names
        weights = {n: p for n, p in params.items() if n in names}
        return weights, {n: p for n, p in params.items() if n not in names}


@dataclass(frozen=True)
class Joint:
    """One network, output layer included, trained on the rows of all tasks; then fine-tuned."""

    network: Encoder
    loss: Loss | None
    how_far: Rule
    steps: int
    moves: Moves

    def __post_init__(self) -> None:
        check_steps(self.steps)

    def init(self, generator: Generator | None = None) -> Meta:
        return Meta(*self.network.init(generator))

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        if episode.support.is_classification:
            raise InputError(
                "to pretrain on classes, finetune must know how many meta-training has; "
                "pass classes=, for example classes=1028.",
                "在类别上预训练时，finetune 需要知道元训练类别总数；请传入 classes=，例如 classes=1028。",
            )
        both = concatenate(episode.support, episode.query)
        outputs, state = self.network.observe(meta.params, meta.state, both.x, training=True)
        return mean_loss(self.loss, outputs, both), state

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        names = head(self.network) if self.moves == "head" else everything(self.network)

        def support_loss(moved: Params) -> Tensor:
            return mean_loss(self.loss, self.predict(meta, moved, support.x), support)

        start = {n: meta.params[n] for n in names}
        return descend(support_loss, start, self.how_far, self.steps, through=first_order)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return self.network.apply({**meta.params, **fast}, meta.state, x)


def globally_labelled(episode: Episode, classes: int) -> Examples:
    """Support and query rows together, with the classes' global numbers 0 .. classes - 1."""
    require_classes("a head over classes", episode.support)
    if episode.classes is None:
        raise InputError(
            "pretraining tells all meta-training classes apart, so episodes must name theirs: "
            "give episode.classes, (N,) or (T, N).",
            "预训练要区分所有元训练类别，因此任务必须给出 episode.classes，形状 (N,) 或 (T, N)。",
        )
    both = concatenate(episode.support, episode.query)
    return Examples(both.x, episode.classes[both.y], mask=both.mask, ways=classes)


@algorithm(encoder=True, meta_batch=1, ways=64, shots=1, queries=1)
def finetune(
    model: Model,
    loss: Loss | None = None,
    *,
    classes: int | None = None,
    moves: Moves = "head",
    inner_lr: float = 0.01,
    inner_steps: int = 100,
) -> Transfer | Joint:
    """What a good engineer does without meta-learning, under the same contract.

        pretrain   minimise cross-entropy over all `classes` of meta-training at once
        new task   a fresh linear head on the features, inner_steps steps of Adam on the support set

    model: to classify, an encoder without an output layer; for regression the whole network,
        which is trained on the rows of all tasks together and then fine-tuned.
    classes: how many classes meta-training has (1 + the largest global number in
        `episode.classes`); None for regression.
    moves: "head", or "all" for the features too. Batch norm keeps its running statistics.

    >>> import torch, innerloop as il
    >>> learner = il.finetune(torch.nn.Linear(2, 3), classes=10)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.eye(2), torch.tensor([0, 1])))
    >>> learner.predict(meta, fast, torch.eye(2)).argmax(1)
    tensor([0, 1])
    """
    rule = Adam(inner_lr)
    if classes is None:
        return Joint(Encoder(model), loss, rule, inner_steps, moves)
    return Transfer(Encoder(model), loss, LinearHead(), classes, rule, inner_steps, moves)
