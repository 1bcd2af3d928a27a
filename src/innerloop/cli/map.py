"""innerloop map RUN"""

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
    tell,
)
from innerloop.core import Meta
from innerloop.episodes import Stream
from innerloop.evaluation.judging import check_episodes
from innerloop.language import say
from innerloop.outer import Learner
from innerloop.structure import TaskEncoder, contrastive, from_learner, guided, task_map

OWN = [
    *("--on", "--split", "--episodes", "--seeds", "--encoder", "--layout", "--groups"),
    *("--ways", "--shots", "--queries", "--seed", "--out", "--device", "--json"),
]


@command
def map_tasks(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    on: Annotated[
        str | None, typer.Option(help="Other tasks than those it was trained on.")
    ] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option()] = "test",
    episodes: Annotated[int, typer.Option(help="How many new tasks.")] = 200,
    seeds: Annotated[
        int, typer.Option(help="Draws of tasks on which groups are held against known families.")
    ] = 5,
    encoder: Annotated[
        Literal["learner", "guided", "contrastive"],
        typer.Option(
            help="What places a task: the learner; the same, guided by the families of meta-training tasks; "
            "or a set encoder trained for it."
        ),
    ] = "learner",
    layout: Annotated[
        Literal["pca", "tsne"], typer.Option(help="How points become a plane.")
    ] = "pca",
    groups: Annotated[
        int | None, typer.Option(help="How many groups; as many as fit best without it.")
    ] = None,
    ways: Ways = None,
    shots: Shots = None,
    queries: Queries = None,
    seed: Seed = 0,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="Where map.png and map.html go; RUN/map without it."),
    ] = None,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Draw a map of tasks never seen, and hold its groups against what is known of them.

    Settings of the algorithm can be changed for the test (--inner-steps 10).

    Example: innerloop map runs/first --episodes 300
    """
    check_episodes(episodes)
    trained = load(run, device=device)
    asked = {"ways": ways, "shots": shots, "queries": queries}
    learner, tasks = as_asked(trained, on, context.args, OWN, asked)
    placing = encoder_of(encoder, learner, trained.meta, tasks.train)
    stream = tasks.split(split)
    found = task_map(
        placing, stream, episodes=episodes, seed=seed, seeds=seeds, groups=groups, layout=layout
    )
    folder = to or run / "map"
    from innerloop.report.map_page import write_map
    from innerloop.report.map_picture import draw_map

    picture, page = draw_map(folder / "map.png", found), write_map(folder / "map.html", found)
    if json:
        emit({"run": str(run), "picture": str(picture), "page": str(page), **found.to_json()})
    else:
        out.print(str(found), markup=False, soft_wrap=True)
    tell(say(f"The map is in {picture} and {page}.", f"任务图已写入 {picture} 与 {page}。"))


def encoder_of(name: str, learner: Learner, meta: Meta, train: Stream) -> TaskEncoder:
    if name == "contrastive":
        return contrastive(train)
    own = from_learner(learner, meta)
    return guided(own, train) if name == "guided" else own
