"""How a task's gradient is made that of many: batched over tasks, or one after the other.

`vmap(grad(task_loss))`, then the sum. The order matters: `grad(vmap(loss).mean())` with an affine
batch norm is silently wrong at second order in torch 2.13, and this form also keeps tasks apart, so
that one whose loss or gradient is not finite is left out and the others count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.func import grad, vmap

from innerloop.core import Episode, Episodes, Meta, Method, Params
from innerloop.outer.totals import Totals, sum_of
from innerloop.tree import detached, tree_leaves, tree_map

ROWS_AT_ONCE = 256

OneTask = Callable[[Params, Episode], tuple[Params, Tensor, Params]]
Path = Callable[[Method, Meta, Episodes, Generator | None], Totals]
"""(method, meta, tasks of one shape, generator) -> their sums; one with `draws = False` never asks
for random numbers."""


def by_vmap(
    method: Method, meta: Meta, episodes: Episodes, generator: Generator | None = None
) -> Totals:
    """Every operation runs on many tasks at once."""
    return sum_of(
        Totals.of(*each_of(method, meta, part.as_episode(), generator)) for part in chunks(episodes)
    )


def each_of(
    method: Method, meta: Meta, tasks: Episode, generator: Generator | None
) -> tuple[Params, Tensor, Params]:
    """(grads, losses, states), each with a row per task of these, whose leaves begin with T."""
    one = one_task(method, meta.state, generator)
    if len(tasks.support.y) > 1:
        together = vmap(one, in_dims=(None, 0), randomness="different")
        return detached(together(meta.params, tasks))  # type: ignore[no-any-return]
    alone = one(meta.params, tree_map(lambda leaf: leaf[0], tasks))
    return tree_map(lambda leaf: leaf.detach()[None], alone)  # type: ignore[no-any-return]


def summed(
    method: Method, meta: Meta, tasks: Episode, generator: Generator | None
) -> tuple[Params, Tensor, Params]:
    """(sum of the grads, losses (T,), states with a row per task) of tasks whose leaves begin
    with T: many forward at once, and back in one pass. For a method that differentiates nothing
    inside (`single_pass`) the sum of the gradients is the gradient of the sum."""
    params = {n: p.detach().requires_grad_() for n, p in meta.params.items()}

    def loss_of(episode: Episode) -> tuple[Tensor, Params]:
        loss, new = method.task_loss(Meta(params, meta.state), episode, generator)
        return loss, changes(new, meta.state)

    with torch.enable_grad():
        if len(tasks.support.y) > 1:
            losses, states = vmap(loss_of, randomness="different")(tasks)
        else:
            alone = loss_of(tree_map(lambda leaf: leaf[0], tasks))
            losses, states = tree_map(lambda leaf: leaf[None], alone)
        grads = torch.autograd.grad(
            losses.sum(), list(params.values()), allow_unused=True, materialize_grads=True
        )
    return detached((dict(zip(params, grads, strict=True)), losses, states))  # type: ignore[no-any-return]


def of_pass(found: tuple[Params, Tensor, Params]) -> Totals | None:
    """The totals of a pass; None where a task is not finite, for which all must not suffer."""
    grads, losses, states = found
    sizes = torch.stack([losses.sum(), *torch._foreach_norm(list(grads.values()))])
    if not sizes.isfinite().all():
        return None
    sums = tree_map(lambda leaf: leaf.sum(0) if leaf.is_floating_point() else leaf[0], states)
    return Totals(losses, torch.ones_like(losses, dtype=torch.bool), grads, sums)


def by_loop(
    method: Method, meta: Meta, episodes: Episodes, generator: Generator | None = None
) -> Totals:
    """One task after the other: right for any module."""
    return sum_of(
        Totals.of(*each_of(method, meta, alone.as_episode(), generator))
        for alone in episodes.split(1)
    )


def chunks(episodes: Episodes) -> list[Episodes]:
    """As many tasks together as are worth while."""
    return episodes.split(tasks_at_once(episodes))


def tasks_at_once(episodes: Episodes) -> int:
    """All of them; of images as many as keep a processor busy, since more would only fill memory."""
    leaves = tree_leaves(episodes.support.x)
    if all(leaf.dim() < 5 for leaf in leaves):  # (T, S, channels, height, width) has five
        return len(episodes)
    rows_of_a_task = episodes.support.y.shape[1] + episodes.query.y.shape[1]
    return max(1, min(len(episodes), ROWS_AT_ONCE // rows_of_a_task))


def one_task(method: Method, state: Params, generator: Generator | None) -> OneTask:
    """(params, episode) -> (grads, loss, changes of the state) for one task."""
    own: Any = getattr(method, "task_gradient", None)

    def by_its_own(params: Params, episode: Episode) -> tuple[Params, Tensor, Params]:
        grads, loss, new = own(Meta(params, state), episode, generator)
        return grads, loss, changes(new, state)

    if own is not None:
        return by_its_own

    def loss_of(params: Params, episode: Episode) -> tuple[Tensor, tuple[Tensor, Params]]:
        loss, new = method.task_loss(Meta(params, state), episode, generator)
        return loss, (loss.detach(), changes(new, state))

    def one(params: Params, episode: Episode) -> tuple[Params, Tensor, Params]:
        grads, (loss, new) = grad(loss_of, has_aux=True)(params, episode)
        return grads, loss, new

    return one


def changes(new: Params, state: Params) -> Params:
    """What stays as it was (frozen weights) is not copied for every task."""
    return {n: leaf.detach() for n, leaf in new.items() if leaf is not state.get(n)}
