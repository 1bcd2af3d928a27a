"""What a user sees of a run of reinforcement learning: its return, and steps a second."""

from __future__ import annotations

from innerloop.language import say
from innerloop.reinforcement.course import Course
from innerloop.training.state import State


class Earnings:
    """The figures beside the bar."""

    def __init__(self, course: Course, start: State):
        self._course, self._start = course, start
        self._return: float | None = None
        self._validation: float | None = start.metric
        self._each = course.meta_batch * course.tasks.steps

    def take(self, state: State) -> None:
        if state.row is not None and state.row["return"] is not None:
            self._return = state.row["return"]
            self._each = state.row["environment_steps"]
        if state.metric is not None:
            self._validation = state.metric

    def speed(self, state: State) -> float:
        """Environment steps a second, learning included."""
        seconds = state.seconds - self._start.seconds
        return (state.step - self._start.step) * self._each / seconds if seconds > 0 else 0.0

    def line(self, state: State) -> str:
        facts = [say(f"step {state.step}", f"第 {state.step} 步")]
        if self._return is not None:
            facts.append(say(f"return {self._return:.4g}", f"回报 {self._return:.4g}"))
        if self._validation is not None:
            facts.append(say(f"validation {self._validation:.4g}", f"验证 {self._validation:.4g}"))
        facts.append(say("lr ", "学习率 ") + f"{self._course.lr * state.factor:.2g}")
        speed = self.speed(state)
        facts.append(say(f"{speed:.0f} steps/s", f"每秒 {speed:.0f} 步"))
        return say(", ", "，").join(facts)
