"""None of these: is an input of any class that a task knows? A limit that meta-validation sets.

By the distance from the nearest class mean in the features of a learner, as in Larson et al. 2019's
out-of-scope queries (arXiv:1909.02027) and Lee et al. 2018's detector (arXiv:1807.03888), the latter
with one covariance, the identity.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from innerloop.core import Episode, Examples, Meta
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.inner.prototypes import class_means, class_sums, squared_distances
from innerloop.language import say
from innerloop.models import Encoder
from innerloop.outer import Learner
from innerloop.structure.familiar import Auroc, auroc
from innerloop.tree import Tree, tree_map

TASKS, SEED = 60, 271_829  # on which a limit is set: not those that users train or evaluate with


def features(learner: Learner, meta: Meta, x: Tree) -> Tensor:
    """(rows, d) of the learner's encoder; x itself where it has none."""
    network = getattr(learner.method, "network", None)
    if isinstance(network, Encoder):
        params = {name: meta.params[name] for name in network.names}
        return network.apply(params, meta.state, x).detach().flatten(1)
    if not isinstance(x, Tensor):
        raise InputError(
            "none of these is told by distances, and inputs that are not one tensor of numbers have "
            "none; use a learner with an encoder, such as protonet.",
            "“均不是”依据距离判断，而非单个数值张量的输入没有距离；请使用带编码器的学习器，例如 protonet。",
        )
    return x.flatten(1).float()


def nearness(learner: Learner, meta: Meta, support: Examples, x: Tree) -> Tensor:
    """(rows,) minus the squared distance from the nearest class mean of the support set: the
    smaller, the less an input is like any class of the task."""
    classes = class_sums(features(learner, meta, support.x), support)
    return -squared_distances(features(learner, meta, x), class_means(classes)).amin(1)


@dataclass(frozen=True)
class Scope:
    """limit: inputs with less nearness are of none of a task's classes. recall: the share of those
    that are found out, and kept the share of the others that are not mistaken for them, both on
    the tasks that the limit was set on."""

    limit: float
    recall: float
    kept: float
    auroc: Auroc

    def __str__(self) -> str:
        return say(
            f"none of these: {100 * self.recall:.1f} % found out, {100 * self.kept:.1f} % of the others "
            f"kept, {self.auroc}",
            f"均不是：识别出 {100 * self.recall:.1f} %，其余保留 {100 * self.kept:.1f} %，{self.auroc}",
        )


def scope(
    learner: Learner,
    meta: Meta,
    stream: Stream,
    *,
    ways: int,
    shots: int,
    recall: float | None = None,
    keep: float | None = None,
    outside: Tree | None = None,
    tasks: int = TASKS,
    seed: int = SEED,
) -> Scope:
    """The limit that finds out the share `recall` of inputs of no class, or keeps the share `keep`
    of those of some, on tasks of a stream that the learner was not trained on.

    outside: inputs of no class; None takes those of classes that a task has, but is not shown.
    """
    if (recall is None) == (keep is None) or not 0 < (recall or keep or 0) < 1:
        raise InputError(
            f"give recall or keep, one of them, a share between 0 and 1, got {recall} and {keep}; "
            "recall=0.9 is usual.",
            f"请在 recall 与 keep 中给出一个，取 0 到 1 之间的比例，收到 {recall} 与 {keep}；通常用 recall=0.9。",
        )
    inside, beyond = [], []
    for shown, query, apart in drawn(stream, ways, shots, outside, tasks, seed):
        inside.append(nearness(learner, meta, shown, query))
        beyond.append(nearness(learner, meta, shown, apart))
    near, far = torch.cat(inside), torch.cat(beyond)
    limit = far.quantile(recall) if recall is not None else near.quantile(1 - (keep or 0))
    return Scope(
        float(limit),
        float((far <= limit).float().mean()),
        float((near > limit).float().mean()),
        auroc(-near, -far),
    )


def drawn(
    stream: Stream, ways: int, shots: int, outside: Tree | None, tasks: int, seed: int
) -> list[tuple[Examples, Tree, Tree]]:
    """(support, queries of its classes, inputs of no class of it) of each task."""
    most = getattr(stream, "class_count", None) or 2 * ways
    if outside is None:
        ways = min(ways, most // 2)
    ways = max(2, min(ways, most))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes left out the stream has told already
        wide = stream.replace(ways=ways if outside is not None else 2 * ways, shots=shots)
    found = [wide.numbered(seed, [n]).alike()[0][1][0] for n in range(tasks)]  # type: ignore[arg-type]
    return [parted(task, ways, outside) for task in found]  # type: ignore[arg-type]


def parted(task: Episode, ways: int, outside: Tree | None) -> tuple[Examples, Tree, Tree]:
    shown, asked = task.support.y < ways, task.query.y < ways
    support = Examples(
        tree_map(lambda leaf: leaf[shown], task.support.x), task.support.y[shown], ways=ways
    )
    query = tree_map(lambda leaf: leaf[asked], task.query.x)
    apart = tree_map(lambda leaf: leaf[~asked], task.query.x) if outside is None else outside
    return support, query, apart
