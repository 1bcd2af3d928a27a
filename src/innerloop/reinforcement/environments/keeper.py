"""Where a user's environments live: here, or in processes of their own that may die."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from innerloop.errors import InputError

LIVES = 20  # of each worker


@dataclass
class Keeper:
    """Environments by their number, made when they are first asked for.

    A job is (number, "begin", (task or None, seed)) -> observation, or (number, "step", action) ->
    (observation, reward, over).
    """

    make: Callable[[], Any]
    set_task: Callable[[Any, Any], Any]
    held: dict[int, Any] = field(default_factory=dict)

    def do(self, jobs: Sequence[tuple[int, str, Any]]) -> list[Any]:
        return [getattr(self, what)(number, given) for number, what, given in jobs]

    def environment(self, number: int) -> Any:
        if number not in self.held:
            self.held[number] = self.make()
        return self.held[number]

    def begin(self, number: int, given: tuple[Any, int]) -> Any:
        task, seed = given
        one = self.environment(number)
        spaces = one.observation_space, one.action_space
        if task is not None:
            self.set_task(one, task)
        observation, _ = one.reset(seed=seed)
        if (one.observation_space, one.action_space) != spaces:
            now = f"{one.observation_space}, {one.action_space}"
            raise InputError(
                f"all tasks must have the same spaces, and a task changed them to {now}; pad "
                "observations and actions to one size.",
                f"所有任务的空间必须相同，而某个任务把它们改成了 {now}；请把观测和动作补齐到同一大小。",
            )
        return observation

    def step(self, number: int, action: Any) -> tuple[Any, float, bool]:
        observation, reward, terminated, truncated, _ = self.held[number].step(action)
        return observation, float(reward), bool(terminated or truncated)


@dataclass
class Worker:
    """A `Keeper` in a process of its own. If that dies it is started again: `lost` counts, and what
    it was doing comes back as None."""

    make: Callable[[], Any]
    set_task: Callable[[Any, Any], Any]
    lost: int = 0
    _process: Any = None
    _pipe: Any = None

    def send(self, jobs: Sequence[tuple[int, str, Any]]) -> None:
        if self._process is None:
            self._start()
        with contextlib.suppress(BrokenPipeError, ConnectionError):  # receive() will notice
            self._pipe.send(jobs)

    def receive(self) -> list[Any] | None:
        try:
            failed, found = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join(1)
            self._process = None
            self.lost += 1
            if self.lost > LIVES:
                raise InputError(
                    f"a worker of the environments died {self.lost} times; run one environment by "
                    "hand, or leave workers out to see its error.",
                    f"环境的一个工作进程已崩溃 {self.lost} 次；请单独运行一个环境，或不用 workers 以查看错误。",
                ) from None
            return None
        if failed:
            raise found
        return found  # type: ignore[no-any-return]

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, self.make, self.set_task), daemon=True
        )
        self._process.start()
        theirs.close()


def _work(pipe: Any, make: Any, set_task: Any) -> None:
    keeper = Keeper(make, set_task)
    while True:
        try:
            jobs = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            pipe.send((False, keeper.do(jobs)))
        except Exception as error:
            pipe.send((True, error))
