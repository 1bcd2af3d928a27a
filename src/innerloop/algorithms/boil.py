"""Body only update in inner loop (Oh et al. 2021, arXiv:2008.08882)."""

from __future__ import annotations

from dataclasses import replace

from innerloop.algorithms.maml import maml
from innerloop.inner import Descent, body
from innerloop.outer import algorithm, like


@algorithm()
@like(maml, inner_lr=0.1)
def boil(descent: Descent) -> Descent:
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
    return replace(descent, which=body)
