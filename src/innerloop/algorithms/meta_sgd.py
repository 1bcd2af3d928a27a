"""Meta-SGD (Li et al. 2017, arXiv:1707.09835)."""

from __future__ import annotations

from innerloop.algorithms.maml import maml
from innerloop.inner import Descent
from innerloop.outer import algorithm, like


@algorithm()
@like(maml, fixed={"inner_rates": "weight"})
def meta_sgd(descent: Descent) -> Descent:
    """MAML that also learns how far, and in which direction, each weight moves.

        theta_k+1 = theta_k - alpha * grad L_support(theta_k),   elementwise
        minimise over theta_0 and alpha the mean over tasks of L_query(theta_inner_steps)

    alpha has the shape of theta, begins at `inner_lr` and may turn negative. It is kept in
    `meta.params` as `inner_lr.<weight>`. Rates learnt for one step are long: more steps at test
    than in training may diverge. The other arguments are those of `maml`.

    >>> import torch, innerloop as il
    >>> learner = il.meta_sgd(torch.nn.Linear(1, 1), inner_lr=0.1)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> meta.params["inner_lr.weight"]
    tensor([[0.1000]])
    """
    return descent
