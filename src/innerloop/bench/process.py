"""A contender in a process of its own, so that its threads, its allocator and its memory are its own."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from innerloop.bench.contenders import contender
from innerloop.bench.material import Arrays, problem
from innerloop.bench.memory import peak_megabytes
from innerloop.bench.workloads import Workload
from innerloop.errors import reason

PATIENCE = 600.0  # seconds for one answer
CACHES = ("INNERLOOP_CACHE", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Failed(Exception):
    """The contender raised, died, or did not answer in time; the message says what."""


class Seconds(NamedTuple):
    """What some steps took, each, and the process's peak so far."""

    each: list[float]
    megabytes: float


class Found(NamedTuple):
    """The gradient."""

    arrays: Arrays


@dataclass
class Remote:
    """The contender as it is seen from here. idle: megabytes before its first step."""

    process: Any
    pipe: Connection
    idle: float = 0.0
    setup_seconds: float = 0.0

    def steps(self, count: int, patience: float = PATIENCE) -> Seconds:
        return self._ask(("steps", count), patience)  # type: ignore[no-any-return]

    def gradient(self) -> Arrays:
        return self._ask(("gradient", None)).arrays  # type: ignore[no-any-return]

    def how(self) -> str:
        return str(self._ask(("how", None)))

    def _ask(self, job: Any, patience: float = PATIENCE) -> Any:
        try:
            self.pipe.send(job)
            return self._answer(patience)
        except (EOFError, OSError) as error:
            raise Failed("the process died") from error

    def _answer(self, patience: float) -> Any:
        if not self.pipe.poll(patience):
            raise Failed(f"no answer within {patience:.0f} s")
        answer = self.pipe.recv()
        if isinstance(answer, Failed):
            raise answer
        return answer


@contextmanager
def started(
    name: str, workload: Workload, *, seed: int, precision: str = "float32", cores: int
) -> Iterator[Remote]:
    """The contender, set up, in a new process on `cores` cores, with empty caches: what it compiles
    it compiles now."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    with tempfile.TemporaryDirectory(prefix="innerloop-bench-") as folder:
        given = {**dict.fromkeys(CACHES, folder), **dict.fromkeys(THREADS, str(cores))}
        process = context.Process(target=work, args=(there, name, workload, seed, precision))
        with environment(given), on_cores(cores):
            process.start()
        there.close()
        remote = Remote(process, here)
        try:
            try:
                remote.idle, remote.setup_seconds = remote._answer(PATIENCE)
            except (EOFError, OSError) as error:
                raise Failed("the process died") from error
            yield remote
        finally:
            end(remote)


def end(remote: Remote) -> None:
    """Let it go of its own accord, else make it."""
    with suppress(OSError):
        remote.pipe.send(None)
    remote.pipe.close()
    for last in (lambda: None, remote.process.terminate, remote.process.kill):
        last()
        remote.process.join(5)
        if not remote.process.is_alive():
            return


@contextmanager
def apart(cores: int) -> Iterator[Callable[..., Any]]:
    """Calls of functions in one other process, on `cores` cores: call(function, *arguments)."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=hush) as pool:

        def call(function: Callable[..., Any], *arguments: Any) -> Any:
            with environment(dict.fromkeys(THREADS, str(cores))), on_cores(cores):
                return pool.submit(function, *arguments).result()

        yield call


@contextmanager
def environment(given: Mapping[str, str]) -> Iterator[None]:
    """Variables that a process started inside finds."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def on_cores(cores: int) -> Iterator[None]:
    """A process started inside has the first `cores` of the cores we may use, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(all_of_them)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def work(pipe: Connection, name: str, workload: Workload, seed: int, precision: str) -> None:
    """The other side: sets up, then does what it is asked until it is asked for nothing more."""
    hush()
    try:
        began = time.perf_counter()
        ready = contender(name).setup(problem(workload, seed, precision))
        pipe.send((peak_megabytes(), time.perf_counter() - began))
        while (job := pipe.recv()) is not None:
            what, count = job
            if what == "gradient":
                pipe.send(Found(ready.gradient()))
            elif what == "how":
                pipe.send(ready.how())
            else:
                pipe.send(Seconds([timed(ready.step) for _ in range(count)], peak_megabytes()))
    except (EOFError, KeyboardInterrupt):
        pass  # nobody asks any more
    except Exception as error:
        pipe.send(Failed(f"{type(error).__name__}: {reason(error)}"))


def timed(step: Any) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def hush() -> None:
    """What a package prints belongs neither into our JSON nor between our progress bars."""
    warnings.simplefilter("ignore")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
