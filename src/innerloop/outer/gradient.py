"""The meta-gradient over T tasks: the gradient of each, by one of several paths, and their mean.

Tasks of unequal ways or shots are met in groups of equal shape; the mean is over all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

from innerloop.core import Episodes, Meta, MetaGradient, Method
from innerloop.outer.paths import Path
from innerloop.outer.totals import Totals, sum_of


def meta_gradient(
    method: Method,
    meta: Meta,
    episodes: Episodes,
    *,
    path: Path,
    generator: Generator | None = None,
) -> MetaGradient:
    """Losses of T tasks and the gradient of their mean, over the tasks that are finite."""
    return totals(method, meta, episodes, path=path, generator=generator).mean(meta.state)


def totals(
    method: Method,
    meta: Meta,
    episodes: Episodes,
    *,
    path: Path,
    generator: Generator | None = None,
) -> Totals:
    """The sums over T tasks, of which the means are made, in the order of the tasks."""
    groups = episodes.alike()
    with drawing_from(generator if getattr(path, "draws", True) else None):
        found = sum_of([path(method, meta, alike, generator) for _, alike in groups])
    if len(groups) == 1:
        return found
    back = torch.cat([tasks for tasks, _ in groups]).argsort()
    return found._replace(losses=found.losses[back], kept=found.kept[back])


@contextmanager
def drawing_from(generator: Generator | None) -> Iterator[None]:
    """Dropout asks torch's global generator; for a while that one continues from `generator`."""
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    if torch.cuda.is_initialized():
        with torch.random.fork_rng(devices=[torch.cuda.current_device()]):
            torch.manual_seed(seed)
            yield
        return
    outside = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(outside)
