"""Adapt to many tasks and answer their queries: together by vmap where the learner's path allows
it, else one after the other; after the last inner step, or after several of them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Generator, Tensor
from torch.func import vmap

from innerloop.algorithms.scratch import Scratch
from innerloop.core import Episode, Episodes, Examples, Meta
from innerloop.devices import place_of, to_device
from innerloop.episodes import Draws, Stream
from innerloop.language import say
from innerloop.outer import Learner, tasks_at_once
from innerloop.tree import Tree, stack, tree_map


def batches(
    stream: Stream, episodes: int, seed: int, batch: int, bar: str | None
) -> Iterator[tuple[int, Episodes]]:
    """(number of the first episode, episodes) until `episodes` are drawn; a bar on stderr with
    this name."""
    starts: Iterable[int] = range(0, episodes, batch)
    if bar is not None:
        from rich.console import Console
        from rich.progress import track

        starts = track(starts, description=bar, console=Console(file=sys.stderr))
    for index, start in enumerate(starts):
        drawn: Episodes = stream.sample(seed, index, batch)
        yield start, drawn[: episodes - start]  # type: ignore[misc]


def answers(
    learner: Learner,
    meta: Meta,
    episodes: Episodes,
    path: str,
    *,
    seed: int,
    numbers: Sequence[int],
    steps: Sequence[int] | None = None,
) -> tuple[Tensor, str]:
    """(outputs (T, Q, ...) of the query sets, the path that worked), of tasks of equal shape.

    numbers: those of the episodes, by which adaptation draws its random numbers.
    steps: numbers of inner steps; the outputs are then (T, len(steps), Q, ...).
    """
    walk = None if steps is None else after_steps(learner, steps)

    def one(learner: Learner, meta: Meta, episode: Episode, generator: Generator | None) -> Tensor:
        if walk is None:
            fast = learner.adapt(meta, episode.support, generator=generator)
            return learner.predict(meta, fast, episode.query.x)
        fasts = walk(meta, episode.support, generator)
        return torch.stack([learner.predict(meta, fast, episode.query.x) for fast in fasts])

    generators = [adaptation_generator(seed, number) for number in numbers]
    return in_every_task(one, learner, meta, episodes, path, generators)


OneTask = Callable[[Learner, Meta, Episode, Generator | None], Tensor]


def in_every_task(
    one: OneTask,
    learner: Learner,
    meta: Meta,
    episodes: Episodes,
    path: str,
    generators: Sequence[Generator],
) -> tuple[Tensor, str]:
    """(what `one` finds in each of the tasks, which are of equal shape; the path that worked)."""
    failure: RuntimeError | None = None
    chunk = tasks_at_once(episodes)
    if path != "loop" and chunk > 1:
        shared: Generator | None = generators[0]
        start, over_meta = meta, None
        if isinstance(learner.method, Scratch):  # weights cannot be drawn inside vmap
            start, shared, over_meta = stack([learner.init(g) for g in generators]), None, 0
            start = to_device(start, place_of(meta))
        together = vmap(
            lambda m, e: one(learner, m, e, shared),
            (over_meta, 0),
            randomness="different",
            chunk_size=chunk,
        )
        try:
            return together(start, episodes.as_episode()), path
        except RuntimeError as error:
            failure = error
    together_still = episodes.as_episode()  # queries that are padded stay so
    each = [
        one(learner, meta, tree_map(lambda leaf: leaf[t], together_still), g)  # noqa: B023
        for t, g in enumerate(generators)
    ]
    if failure:  # the loop raises the model's own errors; what it can do, batching could not
        _say_that_tasks_run_one_by_one(failure)
        path = "loop"
    return torch.stack(each), path


Walk = Callable[[Meta, Examples, Generator | None], list[Tree]]


def after_steps(learner: Learner, steps: Sequence[int]) -> Walk:
    """(meta, support, generator) -> what is learnt from one task's support set after each of these
    numbers of inner steps.

    A descent passes them all on one walk; another learner adapts anew for each. Learners are made
    here, since a model cannot be built while many tasks are met at once.

    >>> import innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.5)
    >>> meta = Meta({"weight": torch.zeros(1, 1), "bias": torch.zeros(1)}, {})
    >>> support = Examples(torch.ones(1, 1), torch.ones(1, 1))
    >>> walk = after_steps(learner, [0, 1])
    >>> [float(f["params"]["bias"]) for f in walk(meta, support, None)]
    [0.0, 1.0]
    """
    along = getattr(learner.method, "adapt_along", None)
    asked = [] if along is not None else [learner.replace(inner_steps=k) for k in steps]

    def walk(meta: Meta, support: Examples, generator: Generator | None) -> list[Tree]:
        if along is None:
            return [each.adapt(meta, support, generator=generator) for each in asked]
        with torch.no_grad():
            return along(meta, support, steps, generator=generator)  # type: ignore[no-any-return]

    return walk


def adaptation_generator(seed: int, episode: int) -> Generator:
    """Randomness of one task's adaptation: the same whatever batch the task is in."""
    number = Draws(seed, "adaptation", [episode]).unit(1)[0, 0]
    return Generator().manual_seed(int(number * 2**53))


def _say_that_tasks_run_one_by_one(error: RuntimeError) -> None:
    reason = str(error).splitlines()[0][:120]
    warnings.warn(
        say(
            f"This learner cannot adapt to many tasks at once, so tasks run one by one ({reason}).",
            f"该学习器无法同时适应多个任务，因此任务将逐个运行（{reason}）。",
        ),
        stacklevel=2,
    )
