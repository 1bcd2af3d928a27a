"""innerloop evaluate RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from innerloop.adapted import Run, load
from innerloop.adapted.loading import tasks_of as written_tasks
from innerloop.cli import reinforcement as in_environments
from innerloop.cli.console import (
    AsJson,
    Device,
    Queries,
    Seed,
    Shots,
    Ways,
    command,
    emit,
    messages,
    tell,
)
from innerloop.cli.names import family_of, family_options, span, tasks_named
from innerloop.cli.settings import read_settings
from innerloop.errors import InputError
from innerloop.evaluation import evaluate as judge
from innerloop.evaluation.judging import check_episodes
from innerloop.evaluation.temperature import calibration
from innerloop.language import say
from innerloop.outer import Learner
from innerloop.recipes import baselines_for
from innerloop.reinforcement.run import is_reinforcement
from innerloop.report.reliability import draw as draw_reliability
from innerloop.tasks import Tasks

OWN = [
    *("--on", "--split", "--episodes", "--ways", "--shots", "--queries", "--baselines"),
    *("--metrics", "--calibrate", "--device", "--json"),
]


@command
def evaluate(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    on: Annotated[
        str | None, typer.Option(help="Other tasks than those it was trained on.")
    ] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option()] = "test",
    episodes: Annotated[
        int | None,
        typer.Option(help="How many new tasks; 600, or 20000 in environments, without it."),
    ] = None,
    ways: Ways = None,
    shots: Shots = None,
    queries: Queries = None,
    baselines: Annotated[
        Literal["all", "untrained", "none"],
        typer.Option(
            help="all: also the network pretrained and fine-tuned (trained once, kept with the run)."
        ),
    ] = "all",
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics",
            help="Also balanced accuracy, macro F1, AUROC; R² and absolute error of numbers. Without "
            "it they are shown where classes are uneven.",
        ),
    ] = False,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="Fit a temperature on meta-validation tasks, and write a reliability diagram (PNG) here."
        ),
    ] = None,
    seed: Seed = 0,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Adapt to tasks never seen and be judged, beside the honest alternatives on the same tasks.

    Settings of the algorithm can be changed for the test (--inner-steps 10).

    Example: innerloop evaluate runs/first --shots 5 --episodes 1000
    """
    if is_reinforcement(run):
        asked_in_vain = {"on": on, "ways": ways, "shots": shots, "queries": queries}
        alone = baselines == "none"
        in_environments.evaluate(
            run, context.args, episodes, seed, alone, json, device=device, **asked_in_vain
        )
        return
    episodes = 600 if episodes is None else episodes
    check_episodes(episodes)
    trained = load(run, device=device)
    asked = {"ways": ways, "shots": shots, "queries": queries}
    learner, tasks = as_asked(trained, on, context.args, OWN, asked)
    if baselines != "none":
        tell(
            say(
                "Preparing what stands beside it (from scratch, fine-tuned, nearest neighbour); "
                "--baselines none leaves it out.",
                "正在准备对照方法（从零训练、微调、最近邻）；--baselines none 可省略。",
            )
        )
    beside = (
        {} if baselines == "none" else baselines_for(trained, tasks, pretrained=baselines == "all")
    )
    scores = judge(
        learner,
        trained.meta,
        tasks.split(split),
        episodes=episodes,
        seed=seed,
        baselines=beside,
        progress=messages.is_terminal,
    )
    told: dict[str, Any] = {}
    if calibrate is not None:
        found = calibration(
            learner,
            trained.meta,
            tasks.validation,
            tasks.split(split),
            episodes=episodes,
            seed=seed,
        )
        draw_reliability(calibrate, found, title=f"{scores.name}, {scores.split}")
        told = {**found.to_json(), "picture": str(calibrate)}
        tell(str(found))
    if json:
        emit({"run": str(run), **scores.to_json(), **told})
    else:
        print(scores.table(metrics=metrics or None))
    if scores.failed:
        tell(f"{scores.failed} tasks had predictions that were not finite.")


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
