"""innerloop probe RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from innerloop.adapted import load
from innerloop.cli.asked import as_asked
from innerloop.cli.console import (
    AsJson,
    Device,
    Queries,
    Seed,
    Shots,
    Ways,
    command,
    emit,
    out,
)
from innerloop.evaluation.judging import check_episodes
from innerloop.structure import probe as ask

OWN = [
    "--on",
    "--split",
    "--episodes",
    "--ways",
    "--shots",
    "--queries",
    "--seed",
    "--device",
    "--json",
]


@command
def probe(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    on: Annotated[
        str | None, typer.Option(help="Other tasks than those it was trained on.")
    ] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option()] = "test",
    episodes: Annotated[int, typer.Option(help="How many new tasks.")] = 200,
    ways: Ways = None,
    shots: Shots = None,
    queries: Queries = None,
    seed: Seed = 0,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Ask what a learner does with its examples: are their labels used, do repeated ones count?

    Settings of the algorithm can be changed for the test (--inner-steps 10).

    Example: innerloop probe runs/first --episodes 300
    """
    check_episodes(episodes)
    trained = load(run, device=device)
    asked = {"ways": ways, "shots": shots, "queries": queries}
    learner, tasks = as_asked(trained, on, context.args, OWN, asked)
    found = ask(learner, trained.meta, tasks.split(split), episodes=episodes, seed=seed)
    if json:
        emit({"run": str(run), **found.to_json()})
    else:
        out.print(str(found), markup=False, soft_wrap=True)
