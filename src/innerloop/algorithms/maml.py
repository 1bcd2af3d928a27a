"""Model-agnostic meta-learning (Finn, Abbeel and Levine 2017, arXiv:1703.03400)."""

from __future__ import annotations

from innerloop.inner import Descent, first_order, unrolled
from innerloop.inner.rules import Optimiser, Rates, rule_of
from innerloop.inner.through import Through
from innerloop.inner.which import Patterns
from innerloop.losses import InnerLoss, Loss
from innerloop.models import Network
from innerloop.models.network import Model
from innerloop.outer import algorithm, like


@algorithm()
def maml(
    model: Model,
    loss: Loss | None = None,
    *,
    inner_lr: float = 0.01,
    inner_steps: int = 1,
    inner_optimiser: Optimiser = "sgd",
    inner_rates: Rates = "fixed",
    inner_clip: float | None = None,
    inner_loss: InnerLoss | None = None,
    moves: Patterns = "*",
    freeze: Patterns | None = None,
    through: Through = unrolled,
    transductive: bool = False,
) -> Descent:
    """Learn the start from which a few gradient steps solve a new task.

        theta_k+1 = theta_k - inner_lr * grad L_support(theta_k),   k = 0 .. inner_steps - 1
        minimise over theta_0 the mean over tasks of L_query(theta_inner_steps)

    model: any nn.Module, or a function that makes one; x (S, ...) -> outputs (S, ...). Parameters
        with requires_grad=False are moved by neither loop.
    loss: per example, (outputs, targets) -> (rows,); None: by the targets' type.
    inner_optimiser: "sgd", "momentum", "nesterov", "adam", "rmsprop", or a rule without a rate, as
        il.rules.Adam(betas=(0.0, 0.999)). inner_rates: "fixed", or learnt across tasks from
        inner_lr on, per "weight", per "layer", or per layer and "step" (MAML++).
    inner_clip: longest gradient of a task in the inner loop. inner_loss: of the support set, where
        it differs from `loss`; an `il.losses.objective` may run the model itself, without labels.
    moves, freeze: patterns over parameter names, "0.*" or "*.weight,*.bias": what the inner loop
        moves, and what it leaves to the outer loop.
    through: `unrolled` (second order), `first_order`, or `truncated(last)`.
    transductive: normalise queries by their own batch. By default batch norm uses the support
        set's statistics, so that an answer does not depend on the other queries.

    >>> import torch, innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.1, moves="bias")
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> support = il.Examples(torch.ones(1, 1), torch.ones(1, 1))
    >>> sorted(learner.adapt(meta, support)["params"])
    ['bias']
    """
    rule = rule_of(
        inner_optimiser, lr=inner_lr, rates=inner_rates, clip=inner_clip, steps=inner_steps
    )
    return Descent(
        Network(model),
        loss,
        rule,
        inner_steps,
        through=through,
        transductive=transductive,
        inner_loss=inner_loss,
        moves=moves,
        freeze=freeze,
    )


@algorithm()
@like(maml, fixed={"through": first_order})
def fomaml(descent: Descent) -> Descent:
    """First-order MAML: inner gradients count as constants, so no second derivative is taken.

        the outer gradient is  grad L_query(theta_inner_steps), taken at the adapted parameters

    The arguments are those of `maml`.

    >>> import torch, innerloop as il
    >>> il.fomaml(torch.nn.Linear(1, 1)).spec.algorithm
    'fomaml'
    """
    return descent
