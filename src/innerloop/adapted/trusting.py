"""How far an adapted task's answers may be trusted: calibrated on its run's meta-validation tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from innerloop.adapted.orders import adapt_in_orders, answer_in_orders
from innerloop.core import Examples
from innerloop.likelihoods import Categorical, Gaussian
from innerloop.structure.conformal import check_coverage, interval, label_sets, limit
from innerloop.structure.trust import trust_of
from innerloop.tree import Tree

if TYPE_CHECKING:
    from innerloop.adapted.task import Adapted


def calibrated(task: Adapted, coverage: float | None) -> Adapted:
    """See `Adapted.calibrated`."""
    if coverage is not None:
        check_coverage(coverage)
    if task.trust is not None:
        return replace(task, trust=task.trust._replace(coverage=coverage))
    places = task.places

    def in_orders(support: Examples, x: Tree) -> Tensor:
        assert places is not None
        fast = adapt_in_orders(task.learner, task.meta, support, places)
        return answer_in_orders(task.learner, task.meta, fast, places, x)

    found = trust_of(
        task.learner,
        task.meta,
        task.tasks,
        task.support,
        folder=task.folder,
        answer=None if places is None else in_orders,
        orders=1 if places is None else len(places),
        coverage=coverage,
    )
    return replace(task, trust=found)


def limit_of(task: Adapted, coverage: float) -> float:
    """How far an answer of this task may be off with this coverage, in its own measure."""
    check_coverage(coverage)
    trust = task.trust or calibrated(task, None).trust
    assert trust is not None
    return limit(trust.limits, coverage)


def tempered(task: Adapted, logits: Tensor) -> Tensor:
    """The logits of which probabilities are made: divided by the temperature that the run's
    meta-validation tasks ask for, once the task is calibrated."""
    heat = None if task.trust is None else task.trust.temperature
    return logits if heat is None else logits / heat


def sets_of(task: Adapted, outputs: Tensor, coverage: float) -> list[list[Any]]:
    """The labels that may be each row's; [] is none of these."""
    assert task.classes is not None
    names = task.classes.tolist()
    if task.trust is None:
        task = calibrated(task, None)
    most = limit_of(task, coverage)
    held = label_sets(Categorical(), tempered(task, outputs), most).tolist()
    return [[name for name, may in zip(names, row, strict=True) if may] for row in held]


def interval_of(task: Adapted, outputs: Tensor, coverage: float) -> tuple[Tensor, Tensor]:
    """(low, high), each (Q, out) in the unit of the task's targets."""
    likelihood = task.learner.likelihood or Gaussian()
    ends = interval(likelihood, outputs, limit_of(task, coverage))
    if task.inputs is not None:
        ends = (task.inputs.answers(ends[0]), task.inputs.answers(ends[1]))
    both = torch.stack(ends)
    return both.amin(0), both.amax(0)
