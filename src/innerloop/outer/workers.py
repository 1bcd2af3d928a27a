"""Task parallelism on one machine: the tasks of a step in several processes with one thread each.

This process does the first part of the tasks, and copies of it do the others. The parts are fixed
by their number and are added in the order of the tasks, whoever does them: where a worker is lost
its part is done here, and the result is the same bits.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

import torch
from torch import Tensor

from innerloop.core import Meta
from innerloop.language import say
from innerloop.outer.share import Share, parts_of
from innerloop.outer.shelf import Shelf
from innerloop.outer.totals import Totals, sum_of

PATIENCE = 10.0  # seconds in which a worker that was told to end does so


class Workers:
    """The same share in `count` processes of one thread, until `close`; alone, in so many threads.
    Every call is for the same tasks.

    The first step is done here alone, part by part: it finds the path, and compiles what there is
    to compile, before copies are made.

    >>> from innerloop.outer.totals import Totals
    >>> def one(meta, step, tasks):
    ...     n = torch.tensor([float(t) for t in tasks])
    ...     return Totals.of({"w": meta.params["w"] * n}, n, {})
    >>> with Workers(one, 2) as share:
    ...     found = [share(Meta({"w": torch.tensor(w)}, {}), 0, range(5)) for w in (1.0, 2.0)]
    >>> [each.grads["w"].item() for each in found], found[1].losses.tolist()
    ([10.0, 20.0], [0.0, 1.0, 2.0, 3.0, 4.0])
    """

    def __init__(self, one: Share, count: int, threads: int = 1):
        self._one, self._count = one, count
        self._threads = threads if count == 1 else 1  # a copy of a process has none of its threads
        self._workers: list[Worker | None] | None = None

    def __call__(self, meta: Meta, step: int, tasks: range) -> Totals:
        parts = parts_of(tasks, self._count)
        with of_threads(self._threads):
            if self._count == 1:
                return self._one(meta, step, tasks)
            if self._workers is None:
                found = [self._one(meta, step, part) for part in parts]
                self._workers = self._started(meta, parts[1:], found[1:])
                return sum_of(found)
            return sum_of(self._together(meta, step, parts))

    def _together(self, meta: Meta, step: int, parts: list[range]) -> Iterator[Totals]:
        assert self._workers is not None
        if any(self._workers):
            self._shelf.put(by_name(meta))
        for worker in self._workers:
            if worker is not None:
                worker.ask(step)
        yield self._one(meta, step, parts[0])
        for at, (worker, part) in enumerate(zip(self._workers, parts[1:], strict=True)):
            answer = None if worker is None else worker.answer(step)
            if isinstance(answer, Totals):
                yield answer
                continue
            self._workers[at] = None
            yield self._one(meta, step, part)  # raises the model's own error, where it is one
            if answer is not None:
                warn_of_loss(at + 1, answer)

    def _started(self, meta: Meta, parts: list[range], found: list[Totals]) -> list[Worker | None]:
        context = context_here()
        workers: list[Worker | None] = []
        try:
            self._shelf = Shelf(context, by_name(meta))
            for part, totals in zip(parts, found, strict=True):
                workers.append(Worker(context, self._one, part, self._shelf, totals, self._threads))
        except Exception as error:  # no process may be had, or what it needs cannot be sent
            warn_of_none(error)
            for worker in workers:
                assert worker is not None
                worker.end()
            return [None] * len(parts)
        return workers

    def close(self) -> None:
        for worker in self._workers or []:
            if worker is not None:
                worker.end()
        self._workers = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Worker:
    """A process that does one part of every step, when it is asked."""

    def __init__(
        self,
        context: BaseContext,
        one: Share,
        part: range,
        shelf: Shelf,
        found: Totals,
        threads: int,
    ):
        self._shelf = Shelf(context, by_name(found))
        self._line, far = context.Pipe()
        work = (one, part, shelf, self._shelf, far, threads)
        self._process = context.Process(target=do_part, args=work, daemon=True)  # type: ignore[attr-defined]
        with warnings.catch_warnings():  # it has one thread, whatever this process has
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process.start()
        far.close()

    def ask(self, step: int) -> None:
        with suppress(OSError):  # it has died; that is seen when it does not answer
            self._line.send(step)

    def answer(self, step: int) -> Totals | str:
        """What it found in this step, or why it can be asked no more. What it was asked before, and
        nobody waited for, it answers first."""
        try:
            answered, failure = self._line.recv()
            while answered != step:
                answered, failure = self._line.recv()
        except (EOFError, OSError):
            self._process.join(PATIENCE)
            failure = cause_of_death(self._process.exitcode)
        if failure is None:
            return from_names(self._shelf.take())
        self.end()
        return str(failure)

    def end(self) -> None:
        """It holds nothing that would be lost."""
        self._process.kill()
        self._process.join(PATIENCE)
        self._line.close()


def do_part(
    one: Share, part: range, given: Shelf, found: Shelf, line: Connection, threads: int
) -> None:
    """A worker's life: it ends when it is told to, or when the process that made it has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for that process to answer
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=end_with_parent, daemon=True).start()
    warnings.simplefilter("ignore")  # what there is to say, the other process says
    torch.set_num_threads(threads)
    while True:
        try:
            step = line.recv()
        except (EOFError, OSError):
            return
        try:
            found.put(by_name(one(meta_from(given.views()), step, part)))
            failure = None
        except Exception as error:
            failure = f"{type(error).__name__}: {error}".partition("\n")[0][:120]
        line.send((step, failure))


def end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def of_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def context_here() -> BaseContext:
    """A fork inherits all that a learner is made of, lambdas and data included, and starts in
    milliseconds; where the system has no safe one, it is sent."""
    return multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


def by_name(value: Meta | Totals) -> dict[str, Tensor]:
    """
    >>> list(by_name(Meta({"w": torch.ones(1)}, {})))
    ['params/w']
    """
    named: dict[str, Tensor] = {}
    for field, held in value._asdict().items():
        leaves = held.items() if isinstance(held, dict) else [("", held)]
        named |= {f"{field}/{name}": leaf for name, leaf in leaves}
    return named


def below(named: dict[str, Tensor], field: str) -> dict[str, Tensor]:
    prefix = f"{field}/"
    return {n.removeprefix(prefix): leaf for n, leaf in named.items() if n.startswith(prefix)}


def meta_from(named: dict[str, Tensor]) -> Meta:
    return Meta(below(named, "params"), below(named, "state"))


def from_names(named: dict[str, Tensor]) -> Totals:
    losses, kept = named["losses/"], named["kept/"]
    return Totals(losses, kept, below(named, "grads"), below(named, "state"))


def cause_of_death(code: int | None) -> str:
    """
    >>> cause_of_death(-9), cause_of_death(1)
    ('SIGKILL', 'exit code 1')
    """
    if code is not None and -code in {each.value for each in signal.Signals}:
        return signal.Signals(-code).name
    return f"exit code {code}"


def warn_of_loss(number: int, reason: str) -> None:
    warnings.warn(
        say(
            f"Worker {number} is lost ({reason}); this process does its tasks from here on, and the "
            "result stays the same.",
            f"工作进程 {number} 已丢失（{reason}）；此后由本进程完成其任务，结果不变。",
        ),
        stacklevel=4,
    )


def warn_of_none(error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}".partition("\n")[0][:120]
    warnings.warn(
        say(
            f"No worker could be started ({reason}), so this process does all tasks.",
            f"无法启动工作进程（{reason}），因此全部任务由本进程完成。",
        ),
        stacklevel=4,
    )
