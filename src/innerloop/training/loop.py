"""The outer loop, box for box the article's flow chart.

    initialise model -> prepare data -> train -> judge by a metric -> optimisation strategy
    -> adjust the model -> adjust the learning rate -> convergence, or round again

A step is a pure function of the state; `Here` prepares its data. Saving, showing and interrupting are the
business of whoever iterates over `rounds`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from torch import Tensor

from innerloop.core import Meta, MetaGradient
from innerloop.outer import Alone, Share
from innerloop.training.batches import Here, generator_of
from innerloop.training.control import Ending, Schedule, Seen, spent
from innerloop.training.course import Course
from innerloop.training.diagnosis import diagnose
from innerloop.training.judging import judge, validated, with_row
from innerloop.training.optimiser import Layout, clipped, sound
from innerloop.training.state import State
from innerloop.training.verdict import Verdict

BARREN = 20  # steps in a row without a finite task or update: the run has diverged
LONGEST = 1e18  # a gradient beyond this has squares that single precision cannot hold


class Paced(Protocol):
    """What a course says of its budget and its learning rate, whatever is trained on it."""

    @property
    def schedule(self) -> Schedule: ...
    @property
    def steps(self) -> int | None: ...
    @property
    def minutes(self) -> float | None: ...
    @property
    def ema(self) -> float | None: ...
    @property
    def ending(self) -> Ending: ...


class Change(NamedTuple):
    """What an update would make of the weights; `finite` if all of it is."""

    weights: Tensor  # (P,)
    optimiser: dict[str, Tensor]
    buffers: dict[str, Tensor]
    finite: bool


def initialise_model(course: Course) -> tuple[Layout, State]:
    """The state before the first step. The seed draws the weights where a function builds the
    network; a Module keeps those that it came with."""
    network = getattr(course.learner.method, "network", None)
    drawn = network is None or network.draws_weights
    meta = course.learner.init(generator_of(course.seed, "weights", 0) if drawn else None)
    layout = Layout.of(meta.params)
    weights = layout.pack(meta.params)
    factor, rate = course.schedule.update(course.schedule.init(), Seen(0, 0.0))
    return layout, State(
        step=0,
        weights=weights,
        buffers=meta.state,
        optimiser=course.optimiser.init(weights),
        rate=rate,
        ending=course.ending.init(),
        factor=factor,
        average=None if course.ema is None else weights,
        verdict=over_at_once(course, meta),
    )


def over_at_once(course: Course, meta: Meta) -> Verdict | None:
    """Some learners learn nothing across tasks: their papers take no outer steps."""
    nothing = not meta.params and not meta.state
    if nothing or course.learner.suggestions.steps == 0:
        return Verdict.NOTHING_TO_TRAIN
    return Verdict.OUT_OF_STEPS if course.steps == 0 else None


def rounds(
    course: Course,
    layout: Layout,
    state: State,
    share: Share | None = None,
    ranks: Alone | None = None,
) -> Iterator[State]:
    """The states after each step, until one has a verdict. share: who does which tasks; this
    process does all of them by default. ranks: the processes that take every step alike; where
    they have judged, rank 0's judgement counts."""
    share, ranks = share or Here(course), ranks or Alone()
    began = ranks.clock() - state.seconds
    while state.verdict is None:
        state = step(course, layout, state, share)
        state = state._replace(seconds=ranks.clock() - began)
        state = check_convergence(course, layout, state)
        if state.metric is not None or state.verdict is not None:
            state = ranks.same(state)
        yield state


def step(course: Course, layout: Layout, state: State, share: Share) -> State:
    """One round: the state after learning from one batch of episodes."""
    found = train(course, layout, state, share)
    state = judge(course, layout, state, found)
    change = strategise(course, layout, state, found)
    state = adjust_model(course, state, change)
    return adjust_learning_rate(course, state)


def train(course: Course, layout: Layout, state: State, share: Share) -> MetaGradient:
    """The losses of the batch's tasks and the gradient of their mean."""
    meta = Meta(layout.unpack(state.weights), state.buffers)
    return share(meta, state.step, range(course.meta_batch)).mean(state.buffers)


def strategise(course: Course, layout: Layout, state: State, found: MetaGradient) -> Change | None:
    """What the optimiser makes of the gradient; None where no task was finite."""
    if not found.kept.any():
        return None
    gradient, length = clipped(layout.pack(found.grads), course.clip)
    lr = course.lr * state.factor
    weights, memory = course.optimiser.update(gradient, state.optimiser, state.weights, lr)
    finite = length < LONGEST and all(map(sound, (weights, *found.state.values())))
    return Change(weights, memory, found.state, finite)


def adjust_model(course: Paced, state: State, change: Change | None) -> State:
    """Take the step if all of it is finite; otherwise the weights stay as they are."""
    counts = state.counts
    state = state._replace(step=state.step + 1)
    if change is None:
        return state._replace(counts=counts._replace(barren=counts.barren + 1))
    if not change.finite:
        counts = counts._replace(refused=counts.refused + 1, barren=counts.barren + 1)
        return state._replace(counts=counts)
    average = state.average
    if average is not None and course.ema is not None:
        average = average.lerp(change.weights, 1 - course.ema)
    return state._replace(
        weights=change.weights,
        buffers=change.buffers,
        optimiser=change.optimiser,
        average=average,
        counts=counts._replace(barren=0) if counts.barren else counts,
    )


def adjust_learning_rate(course: Paced, state: State) -> State:
    factor, rate = course.schedule.update(state.rate, seen(course, state))
    return state._replace(factor=factor, rate=rate)


def check_convergence(course: Course, layout: Layout, state: State) -> State:
    """The verdict, if the run is over; then the last weights are judged as well."""
    barren = state.counts.barren
    if barren >= BARREN or (barren == state.step and state.step == course.steps):
        episodes = course.train.sample(course.seed, state.step - 1, course.meta_batch)
        why = diagnose(course, layout, state, episodes)
        return with_row(course, state._replace(verdict=Verdict.DIVERGED, diagnosis=why))
    verdict, ending = course.ending.update(state.ending, seen(course, state))
    state = state._replace(ending=ending, verdict=verdict)
    if verdict is not None and course.validate_every:
        state = with_row(course, validated(course, layout, state))
    return state


def seen(course: Paced, state: State) -> Seen:
    fraction = spent(state.step, state.seconds, course.steps, course.minutes)
    return Seen(state.step, fraction, state.score)
