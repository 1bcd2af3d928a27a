"""Almost no inner loop (Raghu et al. 2020, arXiv:1909.09157)."""

from __future__ import annotations

from dataclasses import replace

from innerloop.algorithms.maml import maml
from innerloop.inner import Descent, head
from innerloop.outer import algorithm, like


@algorithm()
@like(maml)
def anil(descent: Descent) -> Descent:
    """MAML whose inner loop moves the output layer alone; the body is learnt across tasks.

        head_k+1 = head_k - inner_lr * grad_head L_support(body, head_k)

    An adapted task is one small layer. The arguments are those of `maml`.

    >>> import torch, innerloop as il
    >>> net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    >>> learner = il.anil(net)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> list(learner.adapt(meta, il.Examples(torch.ones(2, 1), torch.ones(2, 1)))["params"])
    ['2.weight', '2.bias']
    """
    return replace(descent, which=head)
