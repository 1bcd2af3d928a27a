"""What a user sees while a run goes on: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from innerloop.language import say
from innerloop.training.control import spent
from innerloop.training.course import Course
from innerloop.training.state import State

BAR_EVERY = 0.1  # seconds
LINE_EVERY = 30.0


class Progress(Protocol):
    def show(self, state: State) -> None: ...


class Silence:
    def show(self, state: State) -> None:
        pass


class Lines:
    """A line on stderr every `LINE_EVERY` seconds."""

    def __init__(self, facts: Facts):
        self._facts, self._next = facts, time.monotonic() + LINE_EVERY

    def show(self, state: State) -> None:
        self._facts.take(state)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY
            print(self._facts.line(state), file=sys.stderr, flush=True)


class Bar:
    """rich's progress bar on stderr."""

    def __init__(self, course: Timed, facts: Facts, bar: Any):
        self._bar, self._task = bar, bar.add_task("", total=1.0, facts="", completed=0.0)
        self._course, self._facts, self._next = course, facts, 0.0

    def show(self, state: State) -> None:
        self._facts.take(state)
        now = time.monotonic()
        if now < self._next and state.verdict is None:
            return
        self._next = now + BAR_EVERY
        done = spent(state.step, state.seconds, self._course.steps, self._course.minutes)
        self._bar.update(self._task, completed=done, facts=self._facts.line(state))


class Timed(Protocol):
    """A course as far as a bar must know it."""

    @property
    def steps(self) -> int | None: ...
    @property
    def minutes(self) -> float | None: ...


class Facts(Protocol):
    """The figures beside the bar: the latest of each."""

    def take(self, state: State) -> None: ...

    def line(self, state: State) -> str: ...


class TaskFacts:
    """Loss, validation, learning rate, and tasks a second."""

    def __init__(self, course: Course, start: State):
        self._course, self._start = course, start
        self._loss: float | None = None
        self._validation: float | None = start.metric

    def take(self, state: State) -> None:
        if state.row is not None and state.row["loss"] is not None:
            self._loss = state.row["loss"]
        if state.metric is not None:
            self._validation = state.metric

    def line(self, state: State) -> str:
        facts = [say(f"step {state.step}", f"第 {state.step} 步")]
        if self._loss is not None:
            facts.append(say(f"loss {self._loss:.4g}", f"损失 {self._loss:.4g}"))
        if self._validation is not None:
            facts.append(say(f"validation {self._validation:.4g}", f"验证 {self._validation:.4g}"))
        facts.append(say("lr ", "学习率 ") + f"{self._course.lr * state.factor:.2g}")
        seconds = state.seconds - self._start.seconds
        if seconds > 0:
            speed = (state.step - self._start.step) * self._course.meta_batch / seconds
            facts.append(say(f"{spelt(speed)} tasks/s", f"{spelt(speed)} 任务/秒"))
        if state.counts.dropped:
            dropped = state.counts.dropped
            facts.append(say(f"{dropped} tasks dropped", f"舍弃 {dropped} 个任务"))
        return say(", ", "，").join(facts)


@contextmanager
def progress_of(course: Timed, facts: Facts, wanted: bool | None) -> Iterator[Progress]:
    """wanted: True shows a bar, False nothing; None a bar on a terminal and lines elsewhere."""
    if wanted is False:
        yield Silence()
    elif wanted or sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
        )
        with RichProgress(*columns, console=Console(file=sys.stderr)) as bar:
            yield Bar(course, facts, bar)
    else:
        yield Lines(facts)


def tell(en: str, zh: str, wanted: bool | None) -> None:
    """A sentence on stderr, unless silence was asked for."""
    if wanted is not False:
        print(say(en, zh), file=sys.stderr, flush=True)


def spelt(speed: float) -> str:
    """Tasks per second for people.

    >>> spelt(1234.5), spelt(0.31)
    ('1234', '0.3')
    """
    return f"{speed:.0f}" if speed >= 10 else f"{speed:.1g}"
