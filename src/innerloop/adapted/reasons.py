"""Why an answer: the examples of the task that an input is most like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from innerloop.adapted.rows import as_rows, check_form
from innerloop.core import Examples
from innerloop.errors import InputError
from innerloop.inner.prototypes import squared_distances
from innerloop.tree import tree_leaves

if TYPE_CHECKING:
    from innerloop.adapted.task import Adapted


class Near(NamedTuple):
    """An example of the task: its row among those that the task was learnt from, counted from 0; its label
    or target; and its share of the likeness to all of them, which sums to 1."""

    row: int
    label: Any
    share: float


def nearest(task: Adapted, x: Any, count: int) -> list[list[Near]]:
    """See `Adapted.nearest`."""
    support = task.support
    if support is None:
        raise InputError(
            "the nearest examples can be named where the task holds its examples, and this file does not; "
            "save with keep_support=True (--keep-support).",
            "只有保存了样本的任务才能给出最近的样本，而该文件没有；请在保存时使用 keep_support=True（--keep-support）。",
        )
    if count < 1:
        raise InputError(
            f"count must be at least 1, got {count}; 3 are usual.",
            f"count 至少为 1，收到 {count}；通常用 3。",
        )
    made = as_rows(x, task.learner, task.meta, task.inputs)
    check_form(task.form, made)
    shares = likeness(task, support, made)  # (Q, S)
    found, places = shares.topk(min(count, shares.shape[1]))
    labels = labels_of(task, support)
    return [
        [Near(p, labels[p], s) for p, s in zip(*row, strict=True)]
        for row in zip(places.tolist(), found.tolist(), strict=True)
    ]


def likeness(task: Adapted, support: Examples, x: Any) -> Tensor:
    """(Q, S) the learner's own: every example is made a class of its own. Where a learner tells classes
    apart by outputs that it was given, and where numbers are learnt: by the distance of the inputs."""
    if task.classes is not None and getattr(task.learner.method, "single_pass", False):
        each = torch.arange(len(support.y), device=support.y.device)
        apart = task.learner.adapt(task.meta, Examples(support.x, each, ways=len(each)))
        logits = task.learner.predict(task.meta, apart, x)
        if logits.shape[1] == len(each):
            return logits.softmax(1).detach()
    rows, known = (flat(tree) for tree in (x, support.x))
    distances = squared_distances(rows, known)
    return (-distances / distances.mean().clamp(min=1e-9)).softmax(1)


def flat(x: Any) -> Tensor:
    """(rows, d) of all leaves."""
    return torch.cat([leaf.flatten(1).float() for leaf in tree_leaves(x)], 1)


def labels_of(task: Adapted, support: Examples) -> list[Any]:
    if task.classes is not None:
        return [task.classes.tolist()[n] for n in support.y.tolist()]
    targets = support.y
    if not support.is_multilabel and task.inputs is not None:
        targets = task.inputs.answers(targets)
    found = targets.tolist()
    return [row[0] if task.flat or len(row) == 1 else row for row in found]
