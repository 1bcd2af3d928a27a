"""Which meta-training tasks a new task is most like, and starting from what was learnt there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.core import Episodes, Examples, Meta
from innerloop.devices import place_of, to_device
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.inner import Descent
from innerloop.outer import Learner
from innerloop.structure.clusters import Scale, scale_of, standardised
from innerloop.structure.point import TaskEncoder, coordinates
from innerloop.tree import Tree


class Related(NamedTuple):
    """A task of an index: its name, its number there, and how far it is from the one asked about,
    in standard deviations of the index's tasks."""

    name: str
    number: int
    distance: float


@dataclass(frozen=True, eq=False)
class TaskIndex:
    """N tasks that were met before, by where an encoder puts them.

    points: (N, d) standardised by `scale`. names: (N,). episodes: the tasks themselves.
    """

    encoder: TaskEncoder
    points: Tensor
    scale: Scale
    names: tuple[str, ...]
    episodes: Episodes

    @classmethod
    def of(
        cls, encoder: TaskEncoder, stream: Stream, *, tasks: int = 200, seed: int = 0
    ) -> TaskIndex:
        """The first tasks of a stream, `tasks.train`."""
        if tasks < 1:
            raise InputError(
                f"an index needs at least one task, got tasks={tasks}; 200 are usual.",
                f"索引至少需要一个任务，收到 tasks={tasks}；通常用 200。",
            )
        episodes = stream.sample(seed, 0, tasks)
        found = coordinates(encoder.many(episodes))
        scale = scale_of(found)
        names = tuple(stream.describe(episodes, t) for t in range(tasks))
        return cls(encoder, standardised(found, scale), scale, names, episodes)

    def distances(self, found: Tensor) -> Tensor:
        """(T, N) from coordinates (T, d) of new tasks to those of the index."""
        new = standardised(found, self.scale)
        return torch.cdist(new, self.points) / max(1, int((self.scale.spread > 0).sum())) ** 0.5

    def nearest(self, support: Examples, count: int = 5) -> list[Related]:
        """The tasks most like the one that these examples are of, the nearest first.

        >>> import innerloop as il
        >>> tasks = il.tasks.sinusoids()
        >>> encode = il.structure.contrastive(tasks.train, steps=2)
        >>> index = TaskIndex.of(encode, tasks.train, tasks=20)
        >>> found = index.nearest(tasks.train.sample(tasks=20)[7].support, 3)
        >>> found[0].name, round(found[0].distance, 3), len(found)
        ('sinusoids/train task 7', 0.0, 3)
        """
        [far] = self.distances(coordinates(self.encoder(support))[None])
        order = far.argsort(stable=True)[:count].tolist()
        return [Related(self.names[n], n, float(far[n])) for n in order]


def warm_start(learner: Learner, meta: Meta, index: TaskIndex, support: Examples) -> Tree:
    """Adapt to a support set, not from the meta-parameters but from what the learner adapts to on
    the nearest task of the index.

    >>> import innerloop as il
    >>> tasks = il.tasks.linear()
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.05, inner_steps=5)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> index = TaskIndex.of(il.structure.signature(learner, meta), tasks.train)
    >>> fast = warm_start(learner, meta, index, tasks.test.sample()[0].support)
    >>> sorted(fast["params"])
    ['bias', 'weight']
    """
    [source] = index.nearest(support, 1)
    task: Any = index.episodes[source.number]
    known = learner.adapt(meta, to_device(task.support, place_of(meta)))
    return learner.adapt(started(learner, meta, known), support)


def started(learner: Learner, meta: Meta, fast: Tree) -> Meta:
    """Meta-parameters that begin where `fast` ended."""
    if not isinstance(learner.method, Descent):
        raise InputError(
            f"a warm start needs a learner that descends, such as maml, got {learner.spec.algorithm}, "
            "which starts nowhere; leave warm_start out.",
            f"热启动需要 maml 这类按梯度下降的学习器，收到 {learner.spec.algorithm}；请去掉 warm_start。",
        )
    return Meta({**meta.params, **fast["params"]}, meta.state)
