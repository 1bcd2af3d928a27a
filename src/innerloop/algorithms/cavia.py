"""Fast context adaptation via meta-learning (Zintgraf et al. 2019, CAVIA, arXiv:1810.03642)."""

from __future__ import annotations

from torch import nn

from innerloop.inner import Descent, unrolled
from innerloop.inner.rules import Optimiser, Rates, rule_of
from innerloop.inner.through import Through
from innerloop.losses import InnerLoss, Loss
from innerloop.models import Network
from innerloop.models.context import Place, context_of, with_context
from innerloop.models.network import Model, made_by
from innerloop.outer import algorithm


@algorithm()
def cavia(
    model: Model,
    loss: Loss | None = None,
    *,
    context: int = 8,
    where: Place | None = None,
    inner_lr: float = 1.0,
    inner_steps: int = 2,
    inner_optimiser: Optimiser = "sgd",
    inner_rates: Rates = "fixed",
    inner_clip: float | None = None,
    inner_loss: InnerLoss | None = None,
    through: Through = unrolled,
    transductive: bool = False,
) -> Descent:
    """A task is a context vector, found by gradient steps; the network's weights are shared.

        c_0 = 0,   c_k+1 = c_k - inner_lr * grad_c L_support(c_k, theta)
        minimise over theta the mean over tasks of L_query(c_inner_steps, theta)

    model: any nn.Module with a linear first or last layer, or a function that makes one; it goes in
        as it is. context: how many numbers are adapted to a task.
    where: "input", the context is joined to what the first layer is given; "features", it scales
        and shifts the features that the last layer is given (FiLM). None: "input" if the first
        layer is linear, else "features".
    An adapted task is `context` numbers. The other arguments are those of `maml`.

    >>> import torch, innerloop as il
    >>> learner = il.cavia(il.models.mlp(1, 1), context=4)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.ones(2, 1), torch.ones(2, 1)))
    >>> {name: tuple(c.shape) for name, c in fast["params"].items()}
    {'1.context': (4,)}
    """

    def listening() -> nn.Module:
        return with_context(made_by(model), context, where)  # type: ignore[arg-type]

    rule = rule_of(
        inner_optimiser, lr=inner_lr, rates=inner_rates, clip=inner_clip, steps=inner_steps
    )
    return Descent(
        Network(with_context(model, context, where) if isinstance(model, nn.Module) else listening),
        loss,
        rule,
        inner_steps,
        which=contexts,
        through=through,
        transductive=transductive,
        inner_loss=inner_loss,
        from_zero=True,
    )


def contexts(network: Network) -> list[str]:
    """The context vector."""
    return context_of(list(network.names))
