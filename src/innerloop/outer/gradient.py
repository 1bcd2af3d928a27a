"""The meta-gradient over T tasks: `vmap(grad(task_loss))` or a loop, then the mean over tasks.

The order matters: `grad(vmap(loss).mean())` with an affine batch norm is silently wrong at second
order in torch 2.13, while `vmap(grad(task_loss))` followed by the mean is exact. It also keeps
tasks apart, so that one whose loss or gradient is not finite is left out and the others count.
Tasks of unequal ways or shots are met in groups of equal shape; the mean is over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor
from torch.func import grad, vmap

from innerloop.core import Episode, Episodes, Meta, MetaGradient, Method, Params
from innerloop.tree import stack, tree_leaves, tree_map

ROWS_AT_ONCE = 256

OneTask = Callable[[Params, Episode], tuple[Params, Tensor, Params]]
Path = Callable[[OneTask, Params, Episodes], tuple[Params, Tensor, Params]]


def meta_gradient(
    method: Method,
    meta: Meta,
    episodes: Episodes,
    *,
    path: Path,
    generator: Generator | None = None,
) -> MetaGradient:
    """Losses of T tasks and the gradient of their mean, over the tasks that are finite."""
    one = _one_task(method, meta.state, generator)
    with drawing_from(generator):
        grads, losses, states = over_shapes(path, one, meta.params, episodes)
    kept = torch.isfinite(losses)
    for leaf in grads.values():
        kept = kept & torch.isfinite(leaf).reshape(len(kept), -1).all(1)
    count = kept.sum().clamp(min=1)

    def mean_of_kept(leaf: Tensor) -> Tensor:
        shape = (-1, *[1] * (leaf.dim() - 1))
        return torch.where(kept.view(shape), leaf, 0).sum(0) / count

    state = meta.state
    if kept.any():
        state = {**state, **{n: _mean_state(leaf, kept) for n, leaf in states.items()}}
    return MetaGradient(losses, {n: mean_of_kept(g) for n, g in grads.items()}, state, kept)


def over_shapes(
    path: Path, one: OneTask, params: Params, episodes: Episodes
) -> tuple[Params, Tensor, Params]:
    """What the path gives for tasks of equal shape, put back in the order of the tasks."""
    groups = episodes.alike()
    found = [path(one, params, alike) for _, alike in groups]
    if len(found) == 1:
        return found[0]
    back = torch.cat([tasks for tasks, _ in groups]).argsort()
    return tree_map(lambda *leaves: torch.cat(leaves)[back], *found)  # type: ignore[no-any-return]


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


def _mean_state(leaf: Tensor, kept: Tensor) -> Tensor:
    return leaf[kept].mean(0) if leaf.is_floating_point() else leaf[kept][0]


def _one_task(method: Method, state: Params, generator: Generator | None) -> OneTask:
    """(params, episode) -> (grads, loss, changes of the state) for one task."""
    own: Any = getattr(method, "task_gradient", None)

    def changes(new: Params) -> Params:
        """What stays as it was (frozen weights) is not copied for every task."""
        return {n: leaf.detach() for n, leaf in new.items() if leaf is not state.get(n)}

    def by_its_own(params: Params, episode: Episode) -> tuple[Params, Tensor, Params]:
        grads, loss, new = own(Meta(params, state), episode, generator)
        return grads, loss, changes(new)

    if own is not None:
        return by_its_own

    def loss_of(params: Params, episode: Episode) -> tuple[Tensor, tuple[Tensor, Params]]:
        loss, new = method.task_loss(Meta(params, state), episode, generator)
        return loss, (loss.detach(), changes(new))

    def one(params: Params, episode: Episode) -> tuple[Params, Tensor, Params]:
        grads, (loss, new) = grad(loss_of, has_aux=True)(params, episode)
        return grads, loss, new

    return one


def by_vmap(one: OneTask, params: Params, episodes: Episodes) -> tuple[Params, Tensor, Params]:
    """Every operation runs on many tasks at once."""
    chunk = tasks_at_once(episodes)
    if chunk == 1:
        return by_loop(one, params, episodes)
    together = vmap(one, in_dims=(None, 0), randomness="different", chunk_size=chunk)
    return together(params, episodes.as_episode())  # type: ignore[no-any-return]


def tasks_at_once(episodes: Episodes) -> int:
    """All of them; of images as many as keep a processor busy, since more would only fill memory."""
    leaves = tree_leaves(episodes.support.x)
    if all(leaf.dim() < 5 for leaf in leaves):  # (T, S, channels, height, width) has five
        return len(episodes)
    rows_of_a_task = episodes.support.y.shape[1] + episodes.query.y.shape[1]
    return max(1, min(len(episodes), ROWS_AT_ONCE // rows_of_a_task))


def by_loop(one: OneTask, params: Params, episodes: Episodes) -> tuple[Params, Tensor, Params]:
    """One task after the other: right for any module."""
    return stack([one(params, episode) for episode in episodes])


PATHS: dict[str, Path] = {"vmap": by_vmap, "loop": by_loop}
