"""Taking in a support set by a network instead of descending: what model-based learners share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.core import Episode, Examples, Meta, Params
from innerloop.errors import InputError
from innerloop.inner.prototypes import membership, require_classes
from innerloop.likelihoods import Likelihood
from innerloop.losses import Loss, mean_loss
from innerloop.models.sets import SetNetwork
from innerloop.tree import Tree, tree_map


@dataclass(frozen=True)
class Amortised:
    """One pass of a network over the support set, and one over the queries.

        fast = encode(support),   outputs = decode(fast, x)

    likelihood: how outputs say what a target is; by it the network is trained, unless there is a
        `loss` or the network has an objective of its own.
    targets: numbers in a target; 0 where classes are told apart, as many as a task has; None for a
        network that can do nothing else.
    own_objective: whether the network learns by answers that have seen targets, and by what those
        cost: see `models.sets`. joint: whether each of these has seen the support set and the
        targets of earlier queries, so that together they say how all targets are distributed.
    has_prior: whether it has an answer before it has seen an example.
    ordered: whether it takes the support rows one after the other, so that their order matters.
    """

    network: SetNetwork
    loss: Loss | None
    likelihood: Likelihood
    targets: int | None
    own_objective: bool = False
    joint: bool = False
    has_prior: bool = False
    ordered: bool = False
    name: str = ""
    single_pass = True  # nothing is differentiated inside: see `outer.paths.summed`

    def init(self, generator: Generator | None = None) -> Meta:
        return Meta(*self.network.init(generator))

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Tree:
        given = {"x": support.x, "y": self._answers(support)}
        return self.network.apply(*meta, given)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return self.network.apply(*meta, {"x": x, "code": fast})

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        given, loss = self._asked(episode), self.loss or self.likelihood.negative_log
        if not self.own_objective:
            outputs, state = self.network.observe(*meta, given, training=True)
            return mean_loss(loss, outputs, episode.query), state
        given["targets"] = self._answers(episode.query)
        draws = generator is not None  # what a network draws to learn by comes from there alone
        (outputs, cost), state = self.network.observe(*meta, given, training=draws)  # type: ignore[misc]
        return mean_loss(loss, outputs, episode.query) + cost, state

    def predict_jointly(self, meta: Meta, episode: Episode) -> Tensor:
        """The answers to the queries, each knowing the targets of those before it; if `joint`."""
        given = {**self._asked(episode), "targets": self._answers(episode.query)}
        return self.network.apply(*meta, given)[0]

    def embed(self, meta: Meta, support: Examples) -> Tensor | tuple[Tensor, Tensor]:
        """The task as a point (d,), or as the mean and the variance of one."""
        return self.network.apply(*meta, {"code": self.adapt(meta, support)})

    def _asked(self, episode: Episode) -> dict[str, Tree]:
        support = episode.support
        return {"x": support.x, "y": self._answers(support), "queries": episode.query.x}

    def _answers(self, examples: Examples) -> Tensor:
        """(rows, out) numbers, or (rows, N) the classes, one-hot."""
        if self.targets is None:
            require_classes(self.name, examples)
        elif examples.is_multilabel or examples.is_classification == bool(self.targets):
            raise unfit(self.name, examples, self.targets)
        if self.targets:
            return examples.y
        return membership(examples)


@dataclass(frozen=True)
class Additive(Amortised):
    """One whose code is a sum over the support rows, so that more of them are simply added."""

    def observe(self, meta: Meta, fast: Tree, more: Examples) -> Tree:
        return tree_map(torch.add, fast, self.adapt(meta, more))


def unfit(name: str, examples: Examples, targets: int) -> InputError:
    if examples.is_multilabel:
        return InputError(
            f"{name} has no labels of which a row may have several; use maml or finetune.",
            f"{name} 不支持一行多个标签；请使用 maml 或 finetune。",
        )
    if targets:
        return InputError(
            f"{name} was made with targets={targets}, to predict numbers, but the labels are classes; "
            "make it with targets=0.",
            f"{name} 以 targets={targets} 构造，用于预测数值，而标签是类别；请以 targets=0 构造。",
        )
    return InputError(
        f"{name} was made with targets=0, to tell classes apart, but the targets are numbers; make it "
        f"with targets={examples.y.shape[-1]}.",
        f"{name} 以 targets=0 构造，用于分类，而目标是数值；请以 targets={examples.y.shape[-1]} 构造。",
    )
