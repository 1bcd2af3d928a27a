"""The course of a run: everything that is decided before its first step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from innerloop.reinforcement.agent import Agent
from innerloop.reinforcement.environments import TaskDistribution
from innerloop.training.control import (
    SCHEDULES,
    Ending,
    Schedule,
    budget,
    first_of,
    patience,
    target,
)
from innerloop.training.course import LINES, VALIDATIONS, check
from innerloop.training.optimiser import OPTIMISERS, Optimiser, by_name

VALIDATION_TASKS = 2_000
VALIDATE_EVERY = 10  # steps, in a run whose budget is in minutes only


@dataclass(frozen=True)
class Course:
    """A learner, its tasks, and how it is trained on them. A step is one phase: trials in
    `meta_batch` new tasks, and what the algorithm makes of them."""

    learner: Agent
    tasks: TaskDistribution
    optimiser: Optimiser
    schedule: Schedule
    ending: Ending
    settings: dict[str, Any]
    steps: int | None
    minutes: float | None
    meta_batch: int
    lr: float
    clip: float | None
    validate_every: int
    validation_tasks: int
    log_every: int
    seed: int
    ema: float | None = None


def plan_course(
    learner: Agent,
    *,
    steps: int | None,
    minutes: float | None,
    meta_batch: int | None,
    lr: float | None,
    optimiser: str | None,
    schedule: str | None,
    clip: float | None,
    patience_for: int | None,
    target_return: float | None,
    validate_every: int | None,
    validation_tasks: int | None,
    seed: int,
) -> Course:
    """What the user says, and where he is silent what the algorithm suggests."""
    suggested = learner.suggestions
    if steps is None and minutes is None:
        steps = suggested.steps
    if meta_batch is None:
        meta_batch = learner.tasks.at_most(suggested.meta_batch)
    if validation_tasks is None:
        validation_tasks = learner.tasks.at_most(VALIDATION_TASKS)
    lr = suggested.lr if lr is None else lr
    if validate_every is None:
        validate_every = VALIDATE_EVERY if steps is None else max(1, steps // VALIDATIONS)
    check(steps=steps, minutes=minutes, meta_batch=meta_batch, lr=lr, clip=clip)
    check(validate_every=validate_every, validation_episodes=validation_tasks)
    check(patience=patience_for, target=target_return)
    moves = by_name(optimiser or suggested.optimiser, OPTIMISERS, "optimiser")
    rate = by_name(schedule or suggested.schedule, SCHEDULES, "schedule")
    endings = [target(target_return)] if target_return is not None else []
    endings += [patience(patience_for)] if patience_for is not None else []
    settings = {
        "steps": steps,
        "minutes": minutes,
        "meta_batch": meta_batch,
        "lr": lr,
        "optimiser": {"name": moves.name, "settings": moves.settings},
        "schedule": {"name": rate.name, "settings": rate.settings},
        "clip": clip,
        "patience": patience_for,
        "target": target_return,
        "validate_every": validate_every,
        "validation_tasks": validation_tasks,
        "seed": seed,
    }
    return Course(
        learner=learner,
        tasks=learner.tasks,
        optimiser=moves,
        schedule=rate,
        ending=first_of(*endings, budget(steps, minutes)),
        settings=settings,
        steps=steps,
        minutes=minutes,
        meta_batch=meta_batch,
        lr=lr,
        clip=clip,
        validate_every=validate_every,
        validation_tasks=validation_tasks,
        log_every=1 if steps is None else max(1, steps // LINES),
        seed=seed,
    )
