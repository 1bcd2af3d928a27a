"""At which place stands the right class, among all that could be?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.core import Meta
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.baselines import Baseline, LeftOut
from innerloop.evaluation.evaluate import Contender, pair
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.scores import NAMES_ZH, aligned, percent
from innerloop.evaluation.temperature import logits_of
from innerloop.language import say
from innerloop.outer import Learner
from innerloop.tasks.classes import ClassStream

TOP = (1, 5, 10)
BATCH = 4  # tasks at once: each has all classes of a split


class Share(NamedTuple):
    """How often the right class was among the first; the interval is over classes."""

    mean: float
    ci95: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """places: name -> (queries,) of the same queries for everyone, the run's own first.
    classes: (queries,) whose each is. ways: among how many classes; episodes: draws of examples."""

    places: Mapping[str, Tensor]
    classes: Tensor
    ways: int
    shots: int
    episodes: int

    def top(self, name: str, first: int) -> Share:
        """How often the right class is among so many; every class counts once, however often drawn."""
        return Share(*mean_and_ci95((self.places[name] <= first).double(), self.classes))

    def gain(self, name: str, over: str, first: int) -> Share:
        """How much oftener than another learner's, paired query by query."""
        own, other = ((self.places[n] <= first).double() for n in (name, over))
        return Share(*mean_and_ci95(own - other, self.classes))

    def __str__(self) -> str:
        tops = [n for n in TOP if n < self.ways]
        table = [
            (
                say(name, NAMES_ZH.get(name, name)),
                *(f"top-{n} {percent(*self.top(name, n))}" for n in tops),
            )
            for name in self.places
        ]
        title = say(
            f"Among all {self.ways} classes of the split, {self.shots}-shot, {self.episodes} draws (± over "
            "classes):",
            f"在该划分的全部 {self.ways} 类中排序，每类 {self.shots} 样本，{self.episodes} 次抽样（± 按类别计）：",
        )
        return "\n".join([title, *aligned(table)])

    def to_json(self) -> dict[str, Any]:
        tops = {
            name: {f"top{n}": self.top(name, n)._asdict() for n in TOP if n < self.ways}
            for name in self.places
        }
        [own, *others] = tops.items()
        return {
            **own[1],
            "ways": self.ways,
            "shots": self.shots,
            "episodes": self.episodes,
            "baselines": dict(others),
        }


def ranking(
    name: str,
    contender: Contender,
    stream: Stream,
    *,
    episodes: int = 100,
    seed: int = 0,
    baselines: Mapping[str, Contender | LeftOut] | None = None,
) -> Ranking:
    """The clinician's question: which of all these? Top-1, 5 and 10 among all classes of a split.

    stream: gives the shots and queries of each class; its ways are not looked at. baselines: asked
        on the same draws. Raises an InputError where tasks are no classes of a split.

    >>> import innerloop as il
    >>> tasks, learner = il.tasks.digits(ways=2, shots=5, queries=2), il.nearest_centroid()
    >>> found = ranking("mean", (learner, learner.init()), tasks.test, episodes=4)
    >>> found.ways == len(tasks.test.fit), 0.5 < found.top("mean", 1).mean <= 1
    (True, True)
    """
    everyone = whole(stream)
    contenders = {name: contender}
    contenders |= {n: b for n, b in (baselines or {}).items() if not isinstance(b, LeftOut)}
    places = {}
    for each, rival in contenders.items():
        there = everyone
        if isinstance(rival, Baseline):
            there = rival.stream(everyone)  # type: ignore[assignment]
        places[each] = ranks(*pair(rival), there, episodes=episodes, seed=seed).flatten()
    classes = asked(everyone, episodes, seed)
    assert isinstance(everyone.shots, int)
    return Ranking(places, classes, len(everyone.fit), everyone.shots, episodes)


def whole(stream: Stream) -> ClassStream:
    """The stream whose tasks have all classes that are large enough."""
    if not isinstance(stream, ClassStream) or not isinstance(stream.shots, int):
        raise InputError(
            f"ranks are among all classes of a split with one number of examples each, and {stream.name} "
            "has none such; leave --rank out.",
            f"排序需要划分中的全部类别且每类样本数固定，而 {stream.name} 不是这样；请去掉 --rank。",
        )
    return stream.replace(ways=len(stream.fit))


def asked(stream: ClassStream, episodes: int, seed: int) -> Tensor:
    """(queries,) the class of each query, in the order of `ranks`."""
    drawn = [
        stream.sample(seed, index, BATCH)[: episodes - first]  # type: ignore[index]
        for index, first in enumerate(range(0, episodes, BATCH))
    ]
    return torch.cat([e.classes.gather(1, e.query.y).flatten() for e in drawn])  # type: ignore[union-attr]


def ranks(
    learner: Learner, meta: Meta, stream: Stream, *, episodes: int = 100, seed: int = 0
) -> Tensor:
    """(episodes, queries) the place of each query's class by its probability: 1 is the likeliest.

    Ties are counted against the learner. All tasks of the stream have one shape.

    >>> import innerloop as il
    >>> learner, tasks = il.nearest_centroid(), il.tasks.digits(ways=10, shots=5, queries=2)
    >>> found = ranks(learner, learner.init(), tasks.test, episodes=4)
    >>> found.shape, bool(found.min() >= 1), bool(found.max() <= 10)
    (torch.Size([4, 20]), True, True)
    """
    logits, right = logits_of(learner, meta, stream, episodes=episodes, seed=seed, batch=BATCH)
    each = [place_of_right(*pair) for pair in zip(logits, right, strict=True)]
    return torch.cat(each).view(episodes, -1)


def place_of_right(logits: Tensor, right: Tensor) -> Tensor:
    """(rows,)

    >>> place_of_right(torch.tensor([[0.1, 0.7, 0.2], [0.0, 0.0, 0.0]]), torch.tensor([2, 0]))
    tensor([2, 3])
    """
    own = logits.gather(1, right[:, None])
    return (logits >= own).sum(1)
