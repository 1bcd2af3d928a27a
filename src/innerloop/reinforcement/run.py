"""A run of reinforcement learning: a learner, what it has learnt, and where it is written down."""

from __future__ import annotations

import os
import sys
import time
import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from innerloop.adapted.extension import gone_on
from innerloop.adapted.extension import sentence as sentence_of_extension
from innerloop.adapted.loading import read_meta
from innerloop.adapted.record import facts_of, found_in, result_sentence
from innerloop.adapted.training import due, folder_at, unbegun_is_undone, without_empty_parents
from innerloop.arguments import checked
from innerloop.core import Meta
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.outer.allocator import keep_memory
from innerloop.reinforcement.agent import Agent
from innerloop.reinforcement.course import Course, plan_course
from innerloop.reinforcement.environments import TaskDistribution, maker
from innerloop.reinforcement.loop import initialise, rounds
from innerloop.reinforcement.rollout import Policy
from innerloop.reinforcement.shown import Earnings
from innerloop.training import State, Verdict
from innerloop.training.folder import RunFolder, Settings, name_of
from innerloop.training.interruption import interruptible
from innerloop.training.optimiser import Layout
from innerloop.training.plan import changed_plan
from innerloop.training.progress import progress_of

KIND = "reinforcement"


@dataclass(frozen=True, eq=False)
class PolicyRun:
    """What `reinforcement.train` returns and `reinforcement.load` reads back.

    meta: the best weights by validation, or the last where nothing was validated. verdict: how it
    ended. history: one dict per logged step: return, loss, lr, validation, environment_steps ...
    steps_per_second: that environments took, learning included.
    """

    learner: Agent
    meta: Meta
    verdict: Verdict | None
    steps: int
    seconds: float
    validation: float | None = None
    steps_per_second: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    folder: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    result: str = ""
    diagnosis: str | None = None

    @property
    def policy(self) -> Policy:
        """What acts in new tasks, and learns in them from what happens."""
        return self.learner.policy(self.meta)

    def __str__(self) -> str:
        name, speed = self.learner.spec.algorithm, f"{self.steps_per_second:.0f}"
        told = say(
            f"{name}, {self.steps} steps in {self.seconds:.1f} s ({speed} environment steps/s).",
            f"{name}，{self.steps} 步，用时 {self.seconds:.1f} 秒（环境每秒 {speed} 步）。",
        )
        parts = [f"{told} {self.verdict or ''}".rstrip(), self.diagnosis, self.result]
        return "\n".join(part for part in parts if part)


@checked(
    learner="il.reinforcement.rl2(tasks)",
    steps="100",
    minutes="10",
    meta_batch="5000",
    lr="0.002",
    optimiser="'adam'",
    schedule="'linear'",
    clip="1.0",
    patience="5",
    target="6.5",
    validate_every="10",
    save_every="10",
    out="'runs/first'",
)
def train(
    learner: Agent,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    meta_batch: int | None = None,
    lr: float | None = None,
    optimiser: str | None = None,
    schedule: str | None = None,
    clip: float | None = 1.0,
    patience: int | None = None,
    target: float | None = None,
    validate_every: int | None = None,
    validation_tasks: int | None = None,
    save_every: int | None = None,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> PolicyRun:
    """Meta-train a learner in environments; what is left at None is as it suggests.

    A step is one phase: a trial in each of `meta_batch` new tasks, and what the algorithm makes of
    them. steps, minutes: the budget. validate_every: steps between judgements by the mean return of
    a trial in `validation_tasks` fixed tasks. target: stop at this return. The rest, the run's
    folder among it, is as in `innerloop.train`; a resumed run is bit for bit the same.

    >>> from innerloop.reinforcement import bandits, rl2
    >>> run = train(rl2(bandits(arms=2, trial_episodes=3), hidden=4), steps=2, meta_batch=8,
    ...             validation_tasks=10, progress=False)
    >>> run.steps, run.verdict.name
    (2, 'OUT_OF_STEPS')
    """
    course = plan_course(
        learner,
        steps=steps,
        minutes=minutes,
        meta_batch=meta_batch,
        lr=lr,
        optimiser=optimiser,
        schedule=schedule,
        clip=clip,
        patience_for=patience,
        target_return=target,
        validate_every=validate_every,
        validation_tasks=validation_tasks,
        seed=seed,
    )
    if resume and out is None:
        raise InputError(
            "resume needs the folder of the run; say which one with --out.",
            "继续运行需要其文件夹；请用 --out 指明。",
        )
    keep_memory()
    folder = None if out is None else folder_at(out)
    if folder is not None:
        folder.check_free()
    place = nullcontext() if folder is None else folder.alone()
    with without_empty_parents(folder), place, unbegun_is_undone(folder):
        return go(course, folder, resume, save_every, progress)


def go(
    course: Course,
    folder: RunFolder | None,
    resume: bool,
    save_every: int | None,
    progress: bool | None,
) -> PolicyRun:
    """Round after round, showing and saving."""
    settings, (layout, start) = settings_of(course), initialise(course)
    history: list[dict[str, Any]] = []
    if folder is not None:
        start, history = placed(course, folder, settings, start, resume)
    state, saved, clock = start, start.step, time.monotonic()
    facts = Earnings(course, start)
    with interruptible() as interrupted, progress_of(course, facts, progress) as shown:
        for state in rounds(course, layout, start):
            if state.row is not None:
                history.append(state.row)
                if folder is not None:
                    folder.append(state.row)
            shown.show(state)
            if interrupted():
                break
            if folder and due(state.step - saved, save_every, time.monotonic() - clock):
                folder.save(state, name_of(settings))
                saved, clock = state.step, time.monotonic()
    if folder is not None:
        folder.save(state, name_of(settings))
    if state.verdict is None:
        state = state._replace(verdict=Verdict.INTERRUPTED)
    told = facts_of(state, course.meta_batch)
    told["steps_per_second"] = facts.speed(state)
    if folder is not None:
        folder.write_result(state.result(layout), told, name_of(settings))
    where = None if folder is None else folder.path
    return run_of(course.learner, state.result(layout), told, history, where, settings)


def placed(
    course: Course, folder: RunFolder, settings: Settings, state: State, resume: bool
) -> tuple[State, list[dict[str, Any]]]:
    """Where it begins, by what its folder holds."""
    found = found_in(folder, settings, resume)
    folder.tidy()
    if found is None:
        folder.write_settings(settings)
        folder.save(state, name_of(settings))
        return state, []
    if (differs := changed_plan(found["plan"], settings["plan"])) is not None:
        warnings.warn(say(*differs), stacklevel=4)
    extended = name_of(found) != name_of(settings)
    state = gone_on(course, folder.newest() or state, extended=extended)
    if extended:
        warnings.warn(say(*sentence_of_extension(course, state)), stacklevel=4)
        folder.begin_again(settings)
    return state, folder.cut_history(state.step)


def settings_of(course: Course) -> Settings:
    """What `settings.json` holds."""
    from innerloop import __version__

    learner, tasks = course.learner, course.tasks
    return {
        "algorithm": learner.spec.algorithm,
        "model": None,
        "settings": learner.spec.settings,
        "tasks": {"name": tasks.name, "kind": KIND, "settings": tasks.settings},
        "training": course.settings,
        "plan": {
            "ranks": 1,
            "workers": 1,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        "versions": {"innerloop": __version__, "python": sys.version.split()[0]},
    }


def run_of(
    learner: Agent,
    meta: Meta,
    facts: dict[str, Any],
    history: list[dict[str, Any]],
    folder: Path | None,
    settings: Settings,
) -> PolicyRun:
    return PolicyRun(
        learner=learner,
        meta=meta,
        verdict=facts["verdict"] and Verdict[facts["verdict"]],
        steps=facts["steps"],
        seconds=facts["seconds"],
        validation=facts["best"] and facts["best"]["validation"],
        steps_per_second=facts.get("steps_per_second", 0.0),
        history=history,
        folder=folder,
        settings=settings,
        result=result_sentence(facts),
        diagnosis=facts["diagnosis"] and say(*facts["diagnosis"]),
    )


def is_reinforcement(path: str | os.PathLike[str]) -> bool:
    """Whether a run folder holds a run of reinforcement learning."""
    tasks = RunFolder(Path(path)).read_settings().get("tasks")
    return isinstance(tasks, dict) and tasks.get("kind") == KIND


@checked(path="'runs/bandits-rl2'")
def load(path: str | os.PathLike[str], tasks: TaskDistribution | None = None) -> PolicyRun:
    """The run in a folder that `reinforcement.train` wrote, also one that was killed.

    tasks: a user's own, where the run's have no name by which they could be made again.
    """
    from innerloop.reinforcement import AGENTS

    folder = RunFolder(Path(path))
    written = folder.read_settings()
    algorithm, of = written["algorithm"], written["tasks"]
    if algorithm not in AGENTS:
        raise InputError(
            f"there is no algorithm {algorithm!r} in reinforcement learning; it has: {', '.join(AGENTS)}.",
            f"强化学习中没有名为 {algorithm!r} 的 algorithm；可用的有：{'、'.join(AGENTS)}。",
        )
    tasks = maker(of["name"])(**of["settings"]) if tasks is None else tasks
    learner: Agent = AGENTS[algorithm](tasks, **written["settings"])
    meta, _, facts = read_meta(folder, learner.init(None), written["training"]["meta_batch"])
    meta = Meta(
        {name: meta.params[name] for name in Layout.of(learner.init(None).params).names}, {}
    )
    return run_of(learner, meta, facts, folder.read_history(), folder.path, written)
