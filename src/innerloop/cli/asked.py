"""The learner and the tasks that a command was asked for, beside those of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from innerloop.adapted import Run
from innerloop.adapted.loading import tasks_of as written_tasks
from innerloop.cli.names import family_of, family_options, span, tasks_named
from innerloop.cli.settings import read_settings
from innerloop.errors import InputError
from innerloop.outer import Learner
from innerloop.tasks import Tasks


def as_asked(
    run: Run, on: str | None, arguments: list[str], own: list[str], shape: dict[str, str | None]
) -> tuple[Learner, Tasks]:
    """The run's learner with the settings among the arguments, and the tasks to meet. own: the
    command's options; shape: ways, shots and queries as they were typed."""
    options, rest = family_options(on, arguments) if on else ({}, arguments)
    settings = read_settings(run.learner.spec.algorithm, rest, own)
    learner = run.learner.replace(**settings) if settings else run.learner
    spans = {name: span(f"--{name}", text) for name, text in shape.items()}
    return learner, tasks_of(run, on, options, **spans)


def tasks_of(
    run: Run, on: str | None, options: dict[str, Any] | None = None, **changes: Any
) -> Tasks:
    """The run's own tasks or those named, with these ways, shots and queries."""
    if on is not None:
        tasks = tasks_named(on, {**alike(run.tasks, on), **(options or {})}, **changes)
        if run.tasks is not None:
            same_kind(run.tasks, tasks)
        return tasks
    own = run.tasks if run.tasks is not None else written_tasks(run.settings)
    if own is None:
        raise InputError(
            "this run was trained on tasks that have no name; say which with --on NAME.",
            "该运行使用的任务没有名称；请用 --on NAME 指定。",
        )
    return own.replace(**changes)


def alike(trained: Tasks | None, on: str) -> dict[str, Any]:
    """Settings by which other data is read as that of training was: images of the same shape, a
    table with the same columns, scaled in the same way. In a folder that the run has not seen, all
    classes are there to be tested on."""
    if trained is None:
        return {}
    family, where = family_of(on)
    if family == "images" and len(trained.input_shape) == 3:
        channels, size, _ = trained.input_shape
        kept = {n: v for n, v in trained.settings.items() if n == "fit"}
        seen = trained.settings.get("folder") == str(Path(*where).resolve())
        return {**kept, "size": size, "grey": channels == 1, "by": None if seen else "all"}
    if family == "table" and trained.name == "table":
        names = ("task", "target", "kind", "features", "drop", "inputs")
        return {name: trained.settings[name] for name in names}
    return {}


def same_kind(trained: Tasks, other: Tasks) -> None:
    """Tasks that a run can meet have inputs and targets like those it was trained on."""
    if (trained.kind, trained.input_shape) != (other.kind, other.input_shape):
        raise InputError(
            f"the run was trained on {trained.kind} with inputs {trained.input_shape}, but {other.name} "
            f"is {other.kind} with inputs {other.input_shape}; choose a family like {trained.name}.",
            f"该运行在 {trained.name}（输入 {trained.input_shape}）上训练，而 {other.name} 的输入为 "
            f"{other.input_shape}；请选择类似的任务族。",
        )
