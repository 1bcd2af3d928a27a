"""The course of a run: everything that is decided before its first step."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import torch

from innerloop.devices import device_of
from innerloop.episodes import Span, Stream, most
from innerloop.errors import InputError
from innerloop.outer import Learner, Suggestions
from innerloop.tasks import Tasks
from innerloop.training.control import (
    SCHEDULES,
    Ending,
    Schedule,
    budget,
    first_of,
    patience,
    target,
)
from innerloop.training.optimiser import OPTIMISERS, Optimiser, by_name

VALIDATIONS = 10  # in a run whose budget is in steps
VALIDATE_EVERY = 200  # steps, in a run whose budget is in minutes only
EPISODES = 100  # of a validation
LINES = 1_000  # of history, about
LOWER_IS_BETTER = ("mse", "nll")


@dataclass(frozen=True)
class Course:
    """A learner, its training and validation episodes, and how it is trained on them."""

    learner: Learner
    train: Stream
    validation: Stream
    optimiser: Optimiser
    schedule: Schedule
    ending: Ending
    settings: dict[str, Any]
    steps: int | None
    minutes: float | None
    meta_batch: int
    lr: float
    clip: float | None
    ema: float | None
    validate_every: int
    validation_episodes: int
    log_every: int
    seed: int
    device: torch.device


def plan_course(
    learner: Learner,
    tasks: Tasks,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    meta_batch: int | None = None,
    lr: float | None = None,
    optimiser: str | Optimiser | None = None,
    schedule: str | Schedule | None = None,
    clip: float | None = None,
    ema: float | None = None,
    patience_for: int | None = None,
    target_metric: float | None = None,
    ways: Span | None = None,
    shots: Span | None = None,
    queries: Span | None = None,
    validate_every: int | None = None,
    validation_episodes: int = EPISODES,
    seed: int = 0,
    device: str | None = None,
) -> Course:
    """What the user says, and where he is silent what the learner's paper suggests."""
    suggested = learner.suggestions
    if steps is None and minutes is None:
        steps = suggested.steps
    meta_batch = suggested.meta_batch if meta_batch is None else meta_batch
    lr = suggested.lr if lr is None else lr
    if validate_every is None:
        validate_every = VALIDATE_EVERY if steps is None else max(1, steps // VALIDATIONS)
    check(steps=steps, minutes=minutes, meta_batch=meta_batch, lr=lr, clip=clip, ema=ema)
    check(validate_every=validate_every, validation_episodes=validation_episodes)
    check(patience=patience_for, target=target_metric)
    needs = {"patience": patience_for, "target": target_metric}
    for name, value in needs.items():
        if value is not None and not validate_every:
            raise InputError(
                f"{name} looks at validations, but validate_every is 0; give it a number of steps.",
                f"{name} 依据验证结果，但 validate_every 为 0；请设为若干步。",
            )
    train = training_episodes(tasks.train, suggested, ways=ways, shots=shots, queries=queries)
    moves = chosen_optimiser(optimiser or suggested.optimiser, suggested)
    rate = by_name(schedule or suggested.schedule, SCHEDULES, "schedule")
    endings = []
    if target_metric is not None:
        sign = -1 if tasks.kind == "regression" else 1
        endings.append(target(sign * target_metric))
    if patience_for is not None:
        endings.append(patience(patience_for))
    settings = {
        "steps": steps,
        "minutes": minutes,
        "meta_batch": meta_batch,
        "lr": lr,
        "optimiser": {"name": moves.name, "settings": moves.settings},
        "schedule": {"name": rate.name, "settings": rate.settings},
        "clip": clip,
        "ema": ema,
        "patience": patience_for,
        "target": target_metric,
        "ways": train.ways,
        "shots": train.shots,
        "queries": train.queries,
        "validate_every": validate_every,
        "validation_episodes": validation_episodes,
        "seed": seed,
    }
    return Course(
        learner=learner,
        train=train,
        validation=tasks.validation,
        optimiser=moves,
        schedule=rate,
        ending=first_of(*endings, budget(steps, minutes)),
        settings=settings,
        steps=steps,
        minutes=minutes,
        meta_batch=meta_batch,
        lr=lr,
        clip=clip,
        ema=ema,
        validate_every=validate_every,
        validation_episodes=validation_episodes,
        log_every=10 if steps is None else max(1, steps // LINES),
        seed=seed,
        device=device_of(device),
    )


def training_episodes(own: Stream, suggested: Suggestions, **asked: Span | None) -> Stream:
    """The stream with the ways, shots and queries asked for, else as the paper suggests as far as
    these tasks allow it: 64 ways are halved until there are as many classes. Where they allow no
    more ways than are tested on, the few shots that belong to many ways are not taken either."""
    hints = {
        name: getattr(suggested, name)
        for name, value in asked.items()
        if value is None and getattr(own, name) is not None
    }
    while True:
        try:
            found = own.replace(**{**asked, **{n: v for n, v in hints.items() if v is not None}})
            in_vain = hints.get("ways") and most(found.ways) <= most(own.ways)
            return own.replace(**asked) if in_vain else found
        except InputError:
            if (hints.get("ways") or 0) > most(own.ways):
                hints["ways"] = max(most(own.ways), hints["ways"] // 2)
            elif any(hints.values()):
                hints = {}
            else:
                raise


def chosen_optimiser(chosen: str | Optimiser, suggested: Suggestions) -> Optimiser:
    """By name it takes the weight decay that the paper suggests; Adam then is AdamW."""
    decay = suggested.weight_decay
    if isinstance(chosen, str) and decay:
        chosen = "adamw" if chosen == "adam" else chosen
        return by_name(chosen, OPTIMISERS, "optimiser", weight_decay=decay)
    return by_name(chosen, OPTIMISERS, "optimiser")


LEAST = {  # the least that makes sense, and what is usual
    "steps": (0, 1_000),
    "minutes": (0, 10),
    "meta_batch": (1, 16),
    "lr": (0, 0.001),
    "clip": (0, 10),
    "ema": (0, 0.999),
    "patience": (1, 5),
    "target": (-math.inf, 0.9),
    "validate_every": (0, 100),
    "validation_episodes": (1, 100),
    "save_every": (1, 100),
    "workers": (1, 2),
}
WHOLE = ("steps", "meta_batch", "patience", "validate_every", "validation_episodes", "workers")


def check(**settings: float | None) -> None:
    """Every number must be of the right kind, and as large as makes sense."""
    for name, value in settings.items():
        if value is None:
            continue
        least, usual = LEAST[name]
        kind = numbers.Integral if name in WHOLE else numbers.Real
        if not isinstance(value, kind) or isinstance(value, bool):
            en, zh = ("a whole number", "整数") if name in WHOLE else ("a number", "数字")
            raise InputError(
                f"{name} must be {en}, got {value!r}; {usual} is usual.",
                f"{name} 必须是{zh}，收到 {value!r}；常用 {usual}。",
            )
        if not value >= least and not math.isnan(value):
            raise InputError(
                f"{name} must be at least {least}, got {value}; {usual} is usual.",
                f"{name} 至少为 {least}，收到 {value}；常用 {usual}。",
            )
        if not math.isfinite(value):
            raise InputError(
                f"{name} must be a finite number, got {value}; {usual} is usual.",
                f"{name} 必须是有限的数，收到 {value}；常用 {usual}。",
            )
    if settings.get("clip") == 0:
        raise InputError(
            "clip is the longest meta-gradient and must be above 0, got 0; 10 is usual, None clips "
            "nothing.",
            "clip 是元梯度的最大长度，必须大于 0，收到 0；常用 10，None 表示不裁剪。",
        )
    if (ema := settings.get("ema")) is not None and ema >= 1:
        raise InputError(
            f"ema is the share of the old average and must be below 1, got {ema}; 0.999 is usual.",
            f"ema 是旧平均值所占的比例，必须小于 1，收到 {ema}；常用 0.999。",
        )
