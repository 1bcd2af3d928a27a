"""The outer loop of reinforcement learning: the house's loop, where a step is a phase.

act in new tasks -> improve the policy -> now and then judge it by its return in others
-> adjust the learning rate -> convergence, or round again
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

from innerloop.evaluation import mean_and_ci95
from innerloop.reinforcement.agent import Found
from innerloop.reinforcement.course import Course
from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.scores import returns_of
from innerloop.training.batches import generator_of
from innerloop.training.control import Seen, spent
from innerloop.training.loop import BARREN, Change, adjust_learning_rate, adjust_model
from innerloop.training.optimiser import Layout, sound
from innerloop.training.state import Best, State
from innerloop.training.verdict import Verdict

VALIDATION_SEED = 7


def initialise(course: Course) -> tuple[Layout, State]:
    """The state before the first step, its weights drawn from the seed."""
    meta = course.learner.init(generator_of(course.seed, "weights", 0))
    layout = Layout.of(meta.params)
    weights = layout.pack(meta.params)
    factor, rate = course.schedule.update(course.schedule.init(), Seen(0, 0.0))
    return layout, State(
        step=0,
        weights=weights,
        buffers={},
        optimiser=course.optimiser.init(weights),
        rate=rate,
        ending=course.ending.init(),
        factor=factor,
        verdict=Verdict.OUT_OF_STEPS if course.steps == 0 else None,
    )


def rounds(course: Course, layout: Layout, state: State) -> Iterator[State]:
    """The states after each step, until one has a verdict."""
    began = time.monotonic() - state.seconds
    while state.verdict is None:
        state = step(course, layout, state)
        state = state._replace(seconds=time.monotonic() - began)
        state = check_convergence(course, layout, state)
        yield state


def step(course: Course, layout: Layout, state: State) -> State:
    """One phase: all of its chance comes from the seed and the step's number."""
    lr = course.lr * state.factor
    moving = Moving(state.weights, state.optimiser, layout, course.optimiser, lr, course.clip)
    generator = generator_of(course.seed, "phase", state.step)
    moved, found = course.learner.method.improve(moving, course.tasks, course.meta_batch, generator)
    state = noted(course, state, found)
    finite = moved.finite and sound(moved.weights)
    state = adjust_model(course, state, Change(moved.weights, moved.memory, {}, finite))
    return adjust_learning_rate(course, state)


def noted(course: Course, state: State, found: Found) -> State:
    """The history's line: what the weights earned as they were before this step."""
    row = None
    if (state.step + 1) % course.log_every == 0:
        mean = float(found.returns.sum(1).mean())
        row = line(course, state, found.loss, mean, found.steps)
    return state._replace(row=row, metric=None, score=None)


def line(
    course: Course, state: State, loss: float | None, earned: float | None, steps: int | None
) -> dict[str, Any]:
    return {
        "step": state.step,
        "loss": loss if loss is None or math.isfinite(loss) else None,
        "return": earned,
        "environment_steps": steps,
        "lr": course.lr * state.factor,
        "validation": None,
        "dropped": 0,
        "seconds": round(state.seconds, 3),
    }


def check_convergence(course: Course, layout: Layout, state: State) -> State:
    """Judge where it is time, and the verdict if the run is over."""
    if state.counts.barren >= BARREN or 0 < state.counts.barren == state.step == course.steps:
        why = (
            "The loss was not finite in any step; lower --lr.",
            "每一步的损失都不是有限值；请减小 --lr。",
        )
        return state._replace(verdict=Verdict.DIVERGED, diagnosis=why)
    fraction = spent(state.step, state.seconds, course.steps, course.minutes)
    due = course.validate_every and (state.step % course.validate_every == 0 or fraction >= 1)
    if due:
        state = validated(course, layout, state)
    verdict, ending = course.ending.update(state.ending, Seen(state.step, fraction, state.score))
    return state._replace(ending=ending, verdict=verdict)


def validated(course: Course, layout: Layout, state: State) -> State:
    """The mean return of a trial in the same tasks each time; weights within a standard error of
    the best are as good, and the later ones are kept."""
    policy = course.learner.policy(state.last(layout))
    values = returns_of(policy, course.tasks, course.validation_tasks, VALIDATION_SEED).sum(1)
    metric, ci95 = mean_and_ci95(values)
    best, luck = state.best, ci95 / 1.96 if math.isfinite(ci95) else 0.0
    if math.isfinite(metric) and (best is None or metric > best.score - luck):
        highest = metric if best is None else max(metric, best.score)
        best = Best(state.weights, {}, state.step, metric, highest)
    row = {**(state.row or line(course, state, None, None, None)), "validation": metric}
    return state._replace(metric=metric, score=metric, best=best, row=row)
