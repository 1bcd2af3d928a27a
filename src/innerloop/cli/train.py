"""innerloop train TASKS --algorithm NAME"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from innerloop.adapted import Run
from innerloop.adapted import train as train_run
from innerloop.cli.console import AsJson, Seed, command, emit, tell
from innerloop.cli.names import tasks_named
from innerloop.cli.settings import constructor_of, read_settings
from innerloop.language import say
from innerloop.models import MODELS
from innerloop.recipes import learner_for, recipe_for
from innerloop.training import Verdict

OWN = [
    *("--algorithm", "--model", "--ways", "--shots", "--queries", "--steps", "--minutes"),
    *("--meta-batch", "--lr", "--optimiser", "--schedule", "--clip", "--patience", "--target"),
    *("--validate-every", "--train-ways", "--train-shots", "--train-queries", "--seed", "--out"),
    *("--resume", "--json"),
]

Number = Annotated[int | None, typer.Option()]
Real = Annotated[float | None, typer.Option()]


@command
def train(
    context: typer.Context,
    tasks: Annotated[str, typer.Argument(help="A built-in family; see: innerloop tasks list.")],
    algorithm: Annotated[
        str, typer.Option(help="The learner; see: innerloop algorithms.")
    ] = "protonet",
    model: Annotated[
        str | None, typer.Option(help=f"{', '.join(MODELS)}, or package.module:function.")
    ] = None,
    ways: Annotated[int | None, typer.Option(help="Classes of a task.")] = None,
    shots: Annotated[int | None, typer.Option(help="Support examples per class or task.")] = None,
    queries: Annotated[int | None, typer.Option(help="Query examples per class or task.")] = None,
    train_ways: Annotated[int | None, typer.Option(help="Ways of training episodes.")] = None,
    train_shots: Annotated[int | None, typer.Option(help="Shots of training episodes.")] = None,
    train_queries: Annotated[int | None, typer.Option(help="Queries of training episodes.")] = None,
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
        float | None, typer.Option(help="Stop at this validation accuracy or MSE.")
    ] = None,
    validate_every: Annotated[int | None, typer.Option(help="Steps between validations.")] = None,
    seed: Seed = 0,
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
    innerloop algorithms NAME.

    Example: innerloop train omniglot --algorithm maml --inner-lr 0.4 --out runs/first
    """
    constructor_of(algorithm)
    settings = read_settings(algorithm, context.args, OWN)
    family = tasks_named(tasks, ways=ways, shots=shots, queries=queries)
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
        "target": target,
        "validate_every": validate_every,
        "ways": train_ways,
        "shots": train_shots,
        "queries": train_queries,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    training = {**recipe_for(tasks, algorithm).training, **given}
    if minutes is not None and steps is None:
        training.pop("steps", None)
    folder = Path("runs") / f"{tasks}-{algorithm}" if out is None else out
    run = train_run(learner, family, **training, seed=seed, out=folder, resume=resume)
    report(run)
    if json:
        emit(summary(run))
    if run.verdict is Verdict.DIVERGED:
        raise typer.Exit(2)


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
