"""The outer loop, box for box the article's flow chart.

    initialise model -> prepare data -> train -> judge by a metric -> optimisation strategy
    -> adjust the model -> adjust the learning rate -> convergence, or round again

A step is a pure function of the state and its episodes. Saving, showing and interrupting are the
business of whoever iterates over `rounds`.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterator
from typing import NamedTuple

from torch import Generator, Tensor

from innerloop.core import Episodes, Meta, MetaGradient
from innerloop.devices import to_device
from innerloop.training.control import Seen, spent
from innerloop.training.course import Course
from innerloop.training.diagnosis import diagnose
from innerloop.training.judging import judge, validated, with_row
from innerloop.training.optimiser import Layout, clipped, sound
from innerloop.training.state import State
from innerloop.training.verdict import Verdict
from innerloop.tree import tree_leaves

BARREN = 20  # steps in a row without a finite task or update: the run has diverged
LONGEST = 1e18  # a gradient beyond this has squares that single precision cannot hold
DRAWN_AT_ONCE, DRAWN_BYTES = 16, 1 << 20  # batches drawn together, and how large they may be


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


def rounds(course: Course, layout: Layout, state: State) -> Iterator[State]:
    """The states after each step, until one has a verdict."""
    began = time.monotonic() - state.seconds
    batches = prepare_data(course, state.step)
    while state.verdict is None:
        state = step(course, layout, state, next(batches))
        state = state._replace(seconds=time.monotonic() - began)
        state = check_convergence(course, layout, state)
        yield state


def step(course: Course, layout: Layout, state: State, episodes: Episodes) -> State:
    """One round: the state after learning from one batch of episodes."""
    found = train(course, layout, state, episodes)
    state = judge(course, layout, state, found, episodes)
    change = strategise(course, layout, state, found)
    state = adjust_model(course, state, change)
    return adjust_learning_rate(course, state)


def prepare_data(course: Course, first: int) -> Iterator[Episodes]:
    """The batches of step `first` and those after it: the same whoever draws them and when.

    Small ones are drawn several at once, since a draw costs more than its numbers.
    """
    one = course.train.sample(course.seed, 0, course.meta_batch)
    size = sum(leaf.numel() * leaf.element_size() for leaf in tree_leaves(one))
    together = max(1, min(DRAWN_AT_ONCE, DRAWN_BYTES // max(1, size)))
    drawn: Episodes | None = None
    for step in itertools.count(first):
        number, place = divmod(step, together)
        if drawn is None or place == 0:
            drawn = course.train.sample(course.seed, number, together * course.meta_batch)
        start = place * course.meta_batch
        yield drawn[start : start + course.meta_batch]  # type: ignore[misc]


def train(course: Course, layout: Layout, state: State, episodes: Episodes) -> MetaGradient:
    """The losses of the batch's tasks and the gradient of their mean. Random layers draw from
    numbers that belong to this step, so that a resumed run draws the same."""
    meta = Meta(layout.unpack(state.weights), state.buffers)
    episodes = to_device(episodes, course.device)
    generator = generator_of(course.seed, "steps", state.step)
    return course.learner.gradient(meta, episodes, step=state.step, generator=generator)


def strategise(course: Course, layout: Layout, state: State, found: MetaGradient) -> Change | None:
    """What the optimiser makes of the gradient; None where no task was finite."""
    if not found.kept.any():
        return None
    gradient, length = clipped(layout.pack(found.grads), course.clip)
    lr = course.lr * state.factor
    weights, memory = course.optimiser.update(gradient, state.optimiser, state.weights, lr)
    finite = length < LONGEST and all(map(sound, (weights, *found.state.values())))
    return Change(weights, memory, found.state, finite)


def adjust_model(course: Course, state: State, change: Change | None) -> State:
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


def adjust_learning_rate(course: Course, state: State) -> State:
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


def seen(course: Course, state: State) -> Seen:
    fraction = spent(state.step, state.seconds, course.steps, course.minutes)
    return Seen(state.step, fraction, state.score)


def generator_of(seed: int, purpose: str, step: int) -> Generator:
    """Random numbers that belong to one purpose and step, so that none need be saved."""
    key = hashlib.blake2b(f"{seed} {purpose} {step}".encode(), digest_size=7).digest()
    return Generator().manual_seed(int.from_bytes(key, "little"))
