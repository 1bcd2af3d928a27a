"""Reptile (Nichol, Achiam and Schulman 2018, arXiv:1803.02999)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from innerloop.core import Episode, Meta, Params, concatenate
from innerloop.inner import Adam, Descent, Rule, Sgd, first_order
from innerloop.inner.descent import last_of
from innerloop.losses import Loss, mean_loss
from innerloop.models import Network
from innerloop.models.network import Model
from innerloop.outer import algorithm
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


@algorithm(optimiser="sgd", lr=1.0, schedule="linear")
def reptile(
    model: Model,
    loss: Loss | None = None,
    *,
    inner_lr: float = 0.02,
    inner_steps: int = 5,
    adam: bool = False,
    transductive: bool = False,
) -> Reptile:
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
    rule: Rule = Adam(inner_lr, betas=(0.0, 0.999)) if adam else Sgd(inner_lr)
    return Reptile(
        Network(model), loss, rule, inner_steps, through=first_order, transductive=transductive
    )
