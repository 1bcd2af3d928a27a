"""Learning from scratch: what a task's own examples can teach a network that knows nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Generator

from innerloop.core import Examples, Meta, Params
from innerloop.devices import place_of, to_device
from innerloop.inner import Adam, Descent, Untrained, first_order
from innerloop.losses import Loss
from innerloop.models import Network
from innerloop.models.network import Model
from innerloop.outer import algorithm


@dataclass(frozen=True)
class Scratch(Untrained, Descent):
    """Descent from a random start."""

    def adapt_along(
        self,
        meta: Meta,
        support: Examples,
        steps: Sequence[int],
        *,
        generator: Generator | None = None,
    ) -> list[dict[str, Params]]:
        start = meta if generator is None else to_device(self.init(generator), place_of(meta))
        return Descent.adapt_along(self, start, support, steps)


@algorithm(steps=0)
def scratch(
    model: Model,
    loss: Loss | None = None,
    *,
    inner_lr: float = 0.01,
    inner_steps: int = 100,
    transductive: bool = False,
) -> Scratch:
    """The same network without meta-learning: Adam from random weights, for every task anew.

        theta = random;   inner_steps steps of Adam on L_support(theta)

    Nothing is learnt across tasks: the meta-gradient is zero, and `suggestions.steps` is 0.
    Weights are drawn from the generator given to `adapt`; without one they are those of `init`.

    >>> import torch, innerloop as il
    >>> learner = il.scratch(torch.nn.Linear(1, 1), inner_lr=0.1)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> x = torch.tensor([[0.0], [1.0]])
    >>> fast = learner.adapt(meta, il.Examples(x, 2 * x))
    >>> bool((learner.predict(meta, fast, x) - 2 * x).abs().max() < 0.1)
    True
    """
    return Scratch(
        Network(model),
        loss,
        Adam(inner_lr),
        inner_steps,
        through=first_order,
        transductive=transductive,
    )
