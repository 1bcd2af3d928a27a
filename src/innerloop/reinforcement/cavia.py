"""CAVIA for policies: only a context vector is adapted (Zintgraf et al. 2019, arXiv:1810.03642)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from innerloop.outer.learner import like
from innerloop.reinforcement.agent import Improves, agent
from innerloop.reinforcement.environments.distribution import check_whole
from innerloop.reinforcement.maml import maml


@agent(steps=500, meta_batch=20, lr=1.0, schedule="constant")  # type: ignore[arg-type]
@like(maml, inner_lr=1.0)  # type: ignore[arg-type]
def cavia(method: Any, *, context: int = 5) -> Improves:
    """CAVIA: a task is a context vector, found by policy gradient steps; the weights are shared.

        c_0 = 0,   c_k+1 = c_k + inner_lr * grad_c J(c_k, theta), by `rollouts` episodes
        maximise over theta the mean over tasks of J(c_inner_steps, theta)

    (Zintgraf et al. 2019, arXiv:1810.03642.) The context is joined to every observation, so an
    adapted task is `context` numbers. The other arguments are those of `maml`.

    >>> from innerloop.reinforcement import point_navigation
    >>> learner = cavia(point_navigation(), context=3)
    >>> learner.begin(learner.init(None))["params"]
    {'context': tensor([0., 0., 0.])}
    """
    check_whole("context", context)
    return replace(method, network=replace(method.network, context=context))
