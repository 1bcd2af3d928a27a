"""Body only update in inner loop (Oh et al. 2021, arXiv:2008.08882)."""

from __future__ import annotations

from innerloop.inner import Descent, Sgd, body, unrolled
from innerloop.inner.through import Through
from innerloop.losses import Loss
from innerloop.models import Network
from innerloop.models.network import Model
from innerloop.outer import algorithm


@algorithm()
def boil(
    model: Model,
    loss: Loss | None = None,
    *,
    inner_lr: float = 0.1,
    inner_steps: int = 1,
    through: Through = unrolled,
    transductive: bool = False,
) -> Descent:
    """MAML whose inner loop leaves the output layer alone, so that the features must change.

        body_k+1 = body_k - inner_lr * grad_body L_support(body_k, head)

    The opposite of ANIL. With the head still, a step must be longer than MAML's. The arguments are
    those of `maml`; a network of one layer has no body, and nothing moves.

    >>> import torch, innerloop as il
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> learner = il.boil(net)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> list(learner.adapt(meta, il.Examples(torch.ones(2, 1), torch.ones(2, 1)))["params"])
    ['0.weight', '0.bias']
    """
    rule = Sgd(inner_lr)
    return Descent(
        Network(model),
        loss,
        rule,
        inner_steps,
        which=body,
        through=through,
        transductive=transductive,
    )
