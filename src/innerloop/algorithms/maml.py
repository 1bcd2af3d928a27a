"""Model-agnostic meta-learning (Finn, Abbeel and Levine 2017, arXiv:1703.03400)."""

from __future__ import annotations

from innerloop.inner import Descent, Sgd, first_order, unrolled
from innerloop.inner.through import Through
from innerloop.losses import Loss
from innerloop.models import Network
from innerloop.models.network import Model
from innerloop.outer import algorithm


@algorithm()
def maml(
    model: Model,
    loss: Loss | None = None,
    *,
    inner_lr: float = 0.01,
    inner_steps: int = 1,
    through: Through = unrolled,
    transductive: bool = False,
) -> Descent:
    """Learn the start from which a few gradient steps solve a new task.

        theta_k+1 = theta_k - inner_lr * grad L_support(theta_k),   k = 0 .. inner_steps - 1
        minimise over theta_0 the mean over tasks of L_query(theta_inner_steps)

    model: any nn.Module, or a function that makes one; x (S, ...) -> outputs (S, ...).
    loss: per example, (outputs, targets) -> (rows,); None: by the targets' type.
    through: `unrolled` (second order), `first_order`, or `truncated(last)`.
    transductive: normalise queries by their own batch. By default batch norm uses the support
        set's statistics, so that an answer does not depend on the other queries.

    >>> import torch, innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.1)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> support = il.Examples(torch.ones(1, 1), torch.ones(1, 1))
    >>> sorted(learner.adapt(meta, support)["params"])
    ['bias', 'weight']
    """
    rule = Sgd(inner_lr)
    return Descent(
        Network(model), loss, rule, inner_steps, through=through, transductive=transductive
    )


@algorithm()
def fomaml(
    model: Model,
    loss: Loss | None = None,
    *,
    inner_lr: float = 0.01,
    inner_steps: int = 1,
    transductive: bool = False,
) -> Descent:
    """First-order MAML: inner gradients count as constants, so no second derivative is taken.

        the outer gradient is  grad L_query(theta_inner_steps), taken at the adapted parameters

    The arguments are those of `maml`.

    >>> import torch, innerloop as il
    >>> il.fomaml(torch.nn.Linear(1, 1)).spec.algorithm
    'fomaml'
    """
    rule = Sgd(inner_lr)
    return Descent(
        Network(model), loss, rule, inner_steps, through=first_order, transductive=transductive
    )
