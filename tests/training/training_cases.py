"""Small learners and spoilt tasks, on which training is tried."""

from __future__ import annotations

import dataclasses
import signal

import torch

import innerloop as il
from innerloop.core import Episodes
from innerloop.episodes import Draws
from innerloop.tasks.functions import FunctionStream
from innerloop.training import Course, initialise_model, plan_course, rounds

SHORT = {"meta_batch": 2, "validation_episodes": 4}


def small_learner(**settings):
    return il.maml(il.models.mlp(1, 1, hidden=4, layers=1), **{"inner_lr": 0.01, **settings})


def small_course(tasks=None, learner=None, **settings) -> Course:
    settings = {"steps": 6, "validate_every": 3, **SHORT, **settings}
    return plan_course(learner or small_learner(), tasks or il.tasks.sinusoids(), **settings)


def states_of(course):
    """(layout, all states of a run, from the first)."""
    layout, state = initialise_model(course)
    return layout, [state, *rounds(course, layout, state)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spoilt(FunctionStream):
    """Sinusoids; task `bad` (every task for None) has an input that is not a number."""

    bad: int | None

    def draw(self, draws: Draws) -> Episodes:
        episodes = super().draw(draws)
        hit = torch.from_numpy(draws.episodes == self.bad) if self.bad is not None else slice(None)
        episodes.support.x[hit, 0] = float("nan")
        return episodes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signalling(FunctionStream):
    """Sinusoids; drawing task `at` sends this process a signal, once for each file in `armed`."""

    at: int
    number: int = signal.SIGINT

    def draw(self, draws: Draws) -> Episodes:
        if self.at in draws.episodes:
            signal.raise_signal(self.number)
        return super().draw(draws)


def with_train(kind, **changes):
    """Sinusoids whose training stream is of another kind."""
    tasks = il.tasks.sinusoids()
    fields = {f.name: getattr(tasks.train, f.name) for f in dataclasses.fields(tasks.train)}
    return dataclasses.replace(tasks, train=kind(**{**fields, **changes}))
