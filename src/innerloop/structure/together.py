"""One function of a task, of many tasks: at once where they are alike and it can be batched, else
one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.func import vmap

from innerloop.core import Episode, Episodes
from innerloop.devices import CPU, to_device
from innerloop.outer import tasks_at_once
from innerloop.tree import Tree, stack, tree_map

OneTask = Callable[[Episode], Tree]


def by_shape(
    one: OneTask, episodes: Episodes, place: torch.device = CPU, *, queries: bool = True
) -> Iterator[tuple[Tensor, Episodes, Tree]]:
    """(numbers (t,), those tasks, what `one` gives of each (t, ...)), tasks of one shape together.

    place: where `one` computes; what it gives comes back. queries: without it tasks of one group
        may still have queries that pad.
    """
    for numbers, alike in episodes.alike(queries=queries):
        with torch.no_grad():
            yield numbers, alike, to_device(of_equal_shape(one, to_device(alike, place)), CPU)


def for_each(
    one: OneTask, episodes: Episodes, place: torch.device = CPU, *, queries: bool = True
) -> Tree:
    """What `one` gives of every task, (T, ...) in their order; it must have one shape for all.

    >>> from innerloop.core import Examples
    >>> x = torch.arange(6.0).view(2, 3, 1)
    >>> for_each(lambda e: e.support.y.sum(), Episodes(Examples(x, x), Examples(x, x)))
    tensor([ 3., 12.])
    """
    groups = list(by_shape(one, episodes, place, queries=queries))
    back = torch.cat([numbers for numbers, _, _ in groups]).argsort()
    return tree_map(lambda *leaves: torch.cat(leaves)[back], *(found for _, _, found in groups))


def of_equal_shape(one: OneTask, episodes: Episodes) -> Tree:
    chunk = tasks_at_once(episodes)
    if chunk > 1 and len(episodes) > 1:
        try:
            return vmap(one, randomness="different", chunk_size=chunk)(episodes.as_episode())
        except (
            RuntimeError
        ):  # an operation without a batching rule, or an error that the loop tells
            pass
    whole = episodes.as_episode()
    each = [tree_map(lambda leaf: leaf[t], whole) for t in range(len(episodes))]  # noqa: B023
    return stack([one(task) for task in each])
