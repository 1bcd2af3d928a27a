"""innerloop train TASKS --algorithm NAME"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from innerloop.adapted import Run
from innerloop.adapted import train as train_run
from innerloop.cli import reinforcement as in_environments
from innerloop.cli.console import AsJson, Device, Queries, Seed, Shots, Ways, command, emit, tell
from innerloop.cli.names import (
    family_of,
    family_options,
    meant,
    option_names,
    span,
    stem,
    tasks_named,
)
from innerloop.cli.settings import constructor_of, read_settings
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.models import MODELS
from innerloop.recipes import learner_for, recipe_for
from innerloop.reinforcement.environments import is_environment
from innerloop.training import Verdict

OWN = [
    *("--algorithm", "--model", "--ways", "--shots", "--queries", "--steps", "--minutes"),
    *("--meta-batch", "--lr", "--optimiser", "--schedule", "--clip", "--patience", "--target"),
    *("--validate-every", "--train-ways", "--train-shots", "--train-queries", "--seed", "--out"),
    *("--workers", "--memory", "--device", "--resume", "--json"),
]

DEFAULT = "protonet"
Number = Annotated[int | None, typer.Option()]
Real = Annotated[float | None, typer.Option()]


@command
def train(
    context: typer.Context,
    tasks: Annotated[
        str,
        typer.Argument(
            help="A built-in family (innerloop tasks list), a folder of images, a table, a "
            "file of sentences, or environment:module:function."
        ),
    ],
    algorithm: Annotated[
        str, typer.Option(help="The learner; see: innerloop algorithms.")
    ] = DEFAULT,
    model: Annotated[
        str | None, typer.Option(help=f"{', '.join(MODELS)}, or package.module:function.")
    ] = None,
    ways: Ways = None,
    shots: Shots = None,
    queries: Queries = None,
    train_ways: Annotated[str | None, typer.Option(help="Ways of training episodes.")] = None,
    train_shots: Annotated[str | None, typer.Option(help="Shots of training episodes.")] = None,
    train_queries: Annotated[str | None, typer.Option(help="Queries of training episodes.")] = None,
    steps: Annotated[int | None, typer.Option(help="Outer steps.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes.")] = None,
    meta_batch: Annotated[int | None, typer.Option(help="Tasks per outer step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Outer learning rate.")] = None,
    optimiser: Annotated[Literal["adam", "adamw", "sgd"] | None, typer.Option()] = None,
    schedule: Annotated[
        Literal["constant", "linear", "cosine", "plateau"] | None,
        typer.Option(help="How the outer learning rate falls."),
    ] = None,
    clip: Annotated[float | None, typer.Option(help="Longest meta-gradient.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many validations without a better one.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Stop at this validation accuracy or MSE; of a table: what to predict."),
    ] = None,
    stop_at: Annotated[
        float | None, typer.Option(help="Stop at this validation figure, also with a table.")
    ] = None,
    validate_every: Annotated[int | None, typer.Option(help="Steps between validations.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that share the tasks of a step.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What a step may take: 4GB.")
    ] = None,
    seed: Seed = 0,
    device: Device = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The run folder; runs/TASKS-ALGORITHM without it."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the folder stopped.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Meta-train a learner on a family of tasks.

    The algorithm's own settings are options as well (--inner-lr, --inner-steps ...); see:
    innerloop algorithms NAME. So are those of the tasks (--size, --splits; --task, --target).

    Example: innerloop train omniglot --algorithm maml --inner-lr 0.4 --out runs/first
    """
    if is_environment(tasks):
        asked_of_environments = {
            "steps": steps,
            "minutes": minutes,
            "meta_batch": meta_batch,
            "lr": lr,
            "clip": clip,
            "optimiser": optimiser,
            "schedule": schedule,
            "patience": patience,
            "seed": seed,
            "target": figure_or_column(tasks, target, stop_at)[0],
            "model": model,
            "ways": ways,
            "validate_every": validate_every,
            "shots": shots,
            "queries": queries,
            "out": out,
            "workers": workers,
            "memory": memory,
            "device": device,
            "resume": resume,
        }
        algorithm = "rl2" if algorithm == DEFAULT else algorithm
        in_environments.train(tasks, algorithm, context.args, json, **asked_of_environments)
        return
    constructor_of(algorithm)
    tasks = meant(tasks, context.args)
    options, rest = family_options(tasks, context.args)
    settings = read_settings(algorithm, rest, [*OWN, *option_names(tasks)])
    stop_at, column = figure_or_column(tasks, target, stop_at)
    family = tasks_named(
        tasks,
        {**options, **column},
        ways=span("--ways", ways),
        shots=span("--shots", shots),
        queries=span("--queries", queries),
    )
    learner = learner_for(family, algorithm, model=model, **settings)
    asked = {
        "steps": steps,
        "minutes": minutes,
        "meta_batch": meta_batch,
        "lr": lr,
        "optimiser": optimiser,
        "schedule": schedule,
        "clip": clip,
        "patience": patience,
        "target": stop_at,
        "validate_every": validate_every,
        "workers": workers,
        "memory": memory,
        "ways": span("--train-ways", train_ways),
        "shots": span("--train-shots", train_shots),
        "queries": span("--train-queries", train_queries),
    }
    given = {name: value for name, value in asked.items() if value is not None}
    training = {**recipe_for(family.name, algorithm).training, **given}
    if minutes is not None and steps is None:
        training.pop("steps", None)
    folder = Path("runs") / f"{stem(tasks)}-{algorithm}" if out is None else out
    run = train_run(
        learner, family, **training, seed=seed, device=device, out=folder, resume=resume
    )
    report(run)
    if json:
        emit(summary(run))
    if run.verdict is Verdict.DIVERGED:
        raise typer.Exit(2)


def figure_or_column(
    tasks: str, target: str | None, stop_at: float | None
) -> tuple[float | None, dict[str, Any]]:
    """(the figure to stop at, {"target": columns} of a table): --target says one or the other."""
    if target is None:
        return stop_at, {}
    if not is_environment(tasks) and family_of(tasks)[0] == "table":
        names = tuple(part.strip() for part in target.split(","))
        return stop_at, {"target": names[0] if len(names) == 1 else names}
    try:
        return float(target), {}
    except ValueError:
        raise InputError(
            f"--target must be a number, got {target!r}; write --target 0.9, say.",
            f"--target 必须是数字，收到 {target!r}；例如 --target 0.9。",
        ) from None


def summary(run: Run) -> dict[str, Any]:
    return {
        "run": str(run.folder),
        "verdict": run.verdict.name.lower() if run.verdict else None,
        "steps": run.steps,
        "seconds": round(run.seconds, 3),
        "tasks_per_second": round(run.tasks_per_second, 2),
        "path": run.learner.path,
        "dropped": run.dropped,
        "validation": run.validation,
        "diagnosis": run.diagnosis,
    }


def report(run: Run) -> None:
    tell(str(run))
    if run.verdict is Verdict.DIVERGED:
        return
    tell(
        say(
            f"Saved in {run.folder}. Next: innerloop evaluate {run.folder}",
            f"已保存到 {run.folder}。下一步：innerloop evaluate {run.folder}",
        )
    )
