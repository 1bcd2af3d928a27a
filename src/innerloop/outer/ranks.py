"""One run on several machines or devices: every process is a rank of torch.distributed.

All ranks take every step alike. Each does its own part of the step's tasks, and one all-reduce adds
up the sums of all; the clock of rank 0 and whether anybody wants to stop travel in the same vector,
so that all end at the same step. Rank 0 alone writes and speaks.
"""

from __future__ import annotations

import os
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from innerloop.core import Meta
from innerloop.errors import InnerloopError
from innerloop.outer.share import Share, parts_of
from innerloop.outer.totals import Totals

Value = TypeVar("Value")


class LostRank(InnerloopError):
    """Another process of the run has ended before its time."""

    def __init__(self) -> None:
        super().__init__(
            "Another process of this run has ended, so this one ends too; its checkpoint is whole, and "
            "the run goes on from there by --resume (torchrun --max-restarts does so itself).",
            "本次运行的另一个进程已结束，因此本进程也随之结束；检查点完好，可用 --resume 继续"
            "（torchrun --max-restarts 会自动继续）。",
        )


class Alone:
    """A run in one process, which is what most are."""

    rank, size = 0, 1

    def __init__(self) -> None:
        self.interrupted: Callable[[], bool] = lambda: False
        self.again = attempt() > 0  # whether the run has been started again, after a death

    def share(self, one: Share, interrupted: Callable[[], bool]) -> Share:
        """The share of all ranks, made of that of this one; `interrupted` is then that of any."""
        self.interrupted = interrupted
        return one

    def clock(self) -> float:
        return time.monotonic()

    def same(self, value: Value) -> Value:
        """The value as rank 0 has it."""
        return value


class Ranks(Alone):
    """A run of all processes of torch.distributed's default group."""

    def __init__(self) -> None:
        super().__init__()
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.again = bool(all_reduced([torch.tensor(attempt())])[0] > 0)
        self._began, self._now, self._stop = time.monotonic(), 0.0, False

    def share(self, one: Share, interrupted: Callable[[], bool]) -> Share:
        self.interrupted = lambda: self._stop

        def together(meta: Meta, step: int, tasks: range) -> Totals:
            parts = parts_of(tasks, self.size)
            found = one(meta, step, parts[self.rank])
            return self._sum(found, parts, wants_to_stop=interrupted())

        return together

    def clock(self) -> float:
        """Seconds by rank 0's, as it was in the latest step."""
        return self._now

    def same(self, value: Value) -> Value:
        held: list[Any] = [value]
        with losses_said():
            dist.broadcast_object_list(held, src=0)
        return held[0]  # type: ignore[no-any-return]

    def _sum(self, found: Totals, parts: list[range], *, wants_to_stop: bool) -> Totals:
        """The sums over all parts, by one all-reduce. What belongs to a task has a place of its own
        in the vector, and so has each rank's count where a state counts in integers."""
        first, own = parts[0].start, parts[self.rank]
        seconds = 0.0 if self.rank else time.monotonic() - self._began
        notes = found.losses.new_tensor([seconds, wants_to_stop])
        losses = found.losses.new_zeros(parts[-1].stop - first)
        losses[own.start - first : own.stop - first] = found.losses
        kept = torch.zeros_like(losses)
        kept[own.start - first : own.stop - first] = found.kept.to(kept.dtype)
        state = {n: self._placed(leaf) for n, leaf in found.state.items()}
        leaves = [notes, losses, kept, *found.grads.values(), *state.values()]
        notes, losses, kept, *sums = all_reduced(leaves)
        self._now, self._stop = float(notes[0]), bool(notes[1] > 0)
        kept = kept > 0.5
        kept_by = [kept[part.start - first : part.stop - first].any() for part in parts]
        counting = next((rank for rank, any_kept in enumerate(kept_by) if any_kept), 0)
        grads = dict(zip(found.grads, sums, strict=False))
        for name, leaf in zip(state, sums[len(grads) :], strict=True):
            state[name] = leaf if found.state[name].is_floating_point() else leaf[counting]
        return Totals(losses, kept, grads, state)

    def _placed(self, leaf: Tensor) -> Tensor:
        if leaf.is_floating_point():
            return leaf
        places = leaf.new_zeros(self.size, *leaf.shape)
        places[self.rank] = leaf
        return places


def all_reduced(leaves: list[Tensor]) -> list[Tensor]:
    """The sums over all ranks, in one vector of the widest type (float64 where integers are, so that
    these stay exact up to 2^53)."""
    kinds = [leaf.dtype if leaf.is_floating_point() else torch.float64 for leaf in leaves]
    widest = kinds[0]
    for kind in kinds[1:]:
        widest = torch.promote_types(widest, kind)
    vector = torch.cat([leaf.detach().reshape(-1).to(widest) for leaf in leaves])
    with losses_said():
        dist.all_reduce(vector)
    parts = vector.split([leaf.numel() for leaf in leaves])
    return [p.view(leaf.shape).to(leaf.dtype) for p, leaf in zip(parts, leaves, strict=True)]


@contextmanager
def losses_said() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise LostRank from error


@contextmanager
def ranks_here() -> Iterator[Alone]:
    """The ranks that this process belongs to: those of torchrun, or of a process group that is
    there already. All but rank 0 are silent."""
    if not dist.is_available():
        yield Alone()
        return
    began = not dist.is_initialized() and under_torchrun()
    if began:
        join_group()
    try:
        if not dist.is_initialized() or dist.get_world_size() == 1:
            yield Alone()
            return
        with warnings.catch_warnings():
            if dist.get_rank():
                warnings.simplefilter("ignore")
            yield Ranks()
    finally:
        if began:
            with suppress(RuntimeError):
                dist.destroy_process_group()


def join_group() -> None:
    """Join the processes that torchrun has started."""
    with losses_said():
        store, rank, size = next(rendezvous("env://"))
        store = dist.PrefixStore(f"generation {generation(store, rank, size)}", store)
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)


def generation(store: dist.Store, rank: int, size: int) -> int:
    """A number that the living ranks agree on. After a restart the store still holds the addresses of
    the dead, and names that begin with this number are new.

    Rank 0 takes the next number and welcomes whoever greets it under that; one who has greeted a
    rank 0 that is dead is not welcomed, and looks again.
    """
    if rank == 0:
        number = store.add("generation", 1)
        for other in range(1, size):
            name = store.get(f"{number}/{other}").decode()
            store.set(f"{number}/{name}", "welcome")
        return int(number)
    name = uuid.uuid4().hex
    while True:
        number = store.add("generation", 0)
        store.set(f"{number}/{rank}", name)
        with suppress(dist.DistStoreError):
            store.wait([f"{number}/{name}"], timedelta(seconds=1))
            return int(number)


def attempt() -> int:
    """How often torchrun has started the processes of this machine again, since one had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) if under_torchrun() else 0


def under_torchrun() -> bool:
    return dist.is_available() and dist.is_torchelastic_launched()


def is_silent() -> bool:
    """Whether another process speaks for this one."""
    return under_torchrun() and os.environ.get("RANK", "0") != "0"
