"""Reptile (Nichol, Achiam and Schulman 2018, arXiv:1803.02999)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.algorithms.maml import maml
from innerloop.core import Episode, Meta, Params, concatenate
from innerloop.inner import Adam, Clipped, Descent, Rule, first_order
from innerloop.inner.descent import last_of
from innerloop.losses import mean_loss
from innerloop.outer import algorithm, like
from innerloop.tree import detached


@dataclass(frozen=True)
class Reptile(Descent):
    """Descent whose outer step follows the path walked instead of the gradient of a loss."""

    def task_gradient(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Params, Tensor, Params]:
        """(start minus adapted on support and query rows alike, the loss there, state)."""
        rows = concatenate(episode.support, episode.query)
        meta = Meta(detached(meta.params), meta.state)
        moved = last_of(self._walk(meta, rows, self.steps))
        grads = {
            n: p - moved[n] if n in moved else torch.zeros_like(p) for n, p in meta.params.items()
        }
        outputs = self.network.apply({**meta.params, **moved}, meta.state, rows.x)
        return grads, mean_loss(self.loss, outputs, rows), meta.state


NOT_HERE = {  # nothing is differentiated, and the start is the walk's alone
    "through": first_order,
    "inner_rates": "fixed",
    "inner_loss": None,
}


@algorithm(optimiser="sgd", lr=1.0, schedule="linear")
@like(maml, fixed=NOT_HERE, inner_lr=0.02, inner_steps=5)
def reptile(descent: Descent, *, adam: bool = False) -> Reptile:
    """Walk a few steps on a task, then move the start a part of the way there.

        phi = theta after inner_steps steps on the task's rows;   theta <- theta + lr * mean(phi - theta)

    The meta-gradient is theta - phi, so an outer SGD with lr 1 moves to the mean of the adapted
    weights. Support and query rows are walked on together: no second derivative, no split. Its
    training loss is therefore that of rows already seen.
    adam: inner steps by Adam with beta1 = 0, as the paper does for images (inner_lr about 1e-3).
    The other arguments are those of `maml`.

    >>> import torch, innerloop as il
    >>> learner = il.reptile(torch.nn.Linear(1, 1), adam=True, inner_lr=0.001)
    >>> learner.suggestions.optimiser, learner.suggestions.lr
    ('sgd', 1.0)
    """
    settings = {f.name: getattr(descent, f.name) for f in fields(descent)}
    if adam:
        settings["how_far"] = by_adam(settings["how_far"])
    return Reptile(**settings)


def by_adam(rule: Any) -> Rule:
    """Adam without momentum at the rule's rate, clipped where the rule is."""
    if isinstance(rule, Clipped):
        return replace(rule, rule=by_adam(rule.rule))
    return Adam(rule.lr, betas=(0.0, 0.999))
