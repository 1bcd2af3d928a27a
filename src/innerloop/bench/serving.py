"""Serving: what it takes to adapt to a task and to answer, for every learner, on 28 x 28 images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from innerloop.algorithms import ALGORITHMS
from innerloop.bench.material import draw_classes
from innerloop.bench.workloads import WORKLOADS
from innerloop.core import Episodes, Examples, Meta
from innerloop.errors import reason
from innerloop.evaluation.adaptation import answers
from innerloop.models import conv4
from innerloop.outer import Learner
from innerloop.outer.learner import settings_of
from innerloop.tree import Tree, tree_leaves

WAYS, TIMES, ANSWERED = 5, 9, 256
LONGEST = 20.0  # seconds for many tasks, by what one takes; fewer tasks where they take longer


@dataclass
class Served:
    """milliseconds, bytes: of one adapted task, 5-way 1-shot. together: seconds for `tasks` tasks at
    once, with answers to five queries each. answers_per_second: of one adapted task. error: what it said."""

    milliseconds: float | None = None
    bytes: int | None = None
    tasks: int = 0
    together: float | None = None
    answers_per_second: float | None = None
    error: str | None = None


def serve(name: str, tasks: int = 1000, width: int = 64, seed: int = 0) -> Served:
    """The learner of this name; "scratch" is the fit that one has without meta-learning.

    >>> serve("protonet", tasks=2, width=8).bytes  # five sums of 8 features, and five counts
    180
    """
    try:
        return served(learner_named(name, width), tasks, seed)
    except Exception as error:  # one learner that cannot does not hide the others
        return Served(error=f"{type(error).__name__}: {reason(error)}")


def learner_named(name: str, width: int) -> Learner:
    """On conv4: with an output layer, or without for those that embed; the nearest compare images."""
    constructor = ALGORITHMS[name]
    further: dict[str, Any] = {"classes": 64} if "classes" in settings_of(constructor) else {}
    if name.startswith("nearest"):
        return constructor(**further)
    embeds = constructor.suggestions.encoder  # type: ignore[attr-defined]
    return constructor(conv4(outputs=None if embeds else WAYS, width=width), **further)


def served(learner: Learner, tasks: int, seed: int) -> Served:
    meta = learner.init()
    episodes = drawn(tasks, seed)
    support = episodes[0].support  # type: ignore[union-attr]
    generator = Generator().manual_seed(seed)

    def adapt() -> Tree:
        return learner.adapt(meta, support, generator=generator)

    fast = adapt()
    x = torch.randn(ANSWERED, 1, 28, 28, generator=generator)
    sizes = [leaf.numel() * leaf.element_size() for leaf in tensors_of(fast)]
    seconds = typical(adapt)
    count = max(2, min(tasks, int(LONGEST / seconds)))
    return Served(
        milliseconds=1e3 * seconds,
        bytes=sum(sizes),
        tasks=count,
        together=at_once(learner, meta, episodes[:count], seed),  # type: ignore[arg-type]
        answers_per_second=ANSWERED / typical(lambda: learner.predict(meta, fast, x)),
    )


def at_once(learner: Learner, meta: Meta, episodes: Episodes, seed: int) -> float:
    """Seconds to adapt to all the tasks and answer their queries, as evaluation does."""
    numbers = range(len(episodes))
    began = time.perf_counter()
    answers(learner, meta, episodes, learner.path, seed=seed, numbers=numbers)
    return time.perf_counter() - began


def drawn(tasks: int, seed: int) -> Episodes:
    """5-way 1-shot tasks of random images, one query per class."""
    one = replace(WORKLOADS["conv4-q1-k1"], tasks=tasks)
    xs, ys, xq, yq = draw_classes(one, np.random.default_rng(seed))
    classes = torch.arange(WAYS).expand(tasks, WAYS)

    def examples(x: Any, y: Any) -> Examples:
        return Examples(torch.from_numpy(x).float(), torch.from_numpy(y), ways=WAYS)

    return Episodes(examples(xs, ys), examples(xq, yq), classes=classes)


def tensors_of(fast: Tree) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(fast) if isinstance(leaf, Tensor)]


def typical(act: Callable[[], Any]) -> float:
    """Median seconds of some repetitions."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return median(taken)
