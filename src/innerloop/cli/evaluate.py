"""innerloop evaluate RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from innerloop.adapted import load
from innerloop.cli import reinforcement as in_environments
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
    messages,
    tell,
)
from innerloop.evaluation import evaluate as judge
from innerloop.evaluation.judging import check_episodes
from innerloop.evaluation.ranking import ranking
from innerloop.evaluation.temperature import calibration
from innerloop.language import say
from innerloop.recipes import baselines_for
from innerloop.reinforcement.run import is_reinforcement
from innerloop.report.reliability import draw as draw_reliability

OWN = [
    *("--on", "--split", "--episodes", "--ways", "--shots", "--queries", "--baselines"),
    *("--metrics", "--calibrate", "--rank", "--device", "--json"),
]
RANKED = 100  # draws of examples for --rank
MEAN = "nearest centroid"  # the baseline that ranks any number of classes


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
    rank: Annotated[
        bool,
        typer.Option(
            "--rank",
            help="Also how often the right class is the first, among the first 5, the first 10 of all classes "
            "of the split.",
        ),
    ] = False,
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
    ranked = None
    if rank:
        ranked = ranking(
            scores.name,
            (learner, trained.meta),
            tasks.split(split),
            episodes=min(episodes, RANKED),
            seed=seed,
            baselines={name: beside[name] for name in (MEAN,) if name in beside},
        )
        told["ranking"] = ranked.to_json()
    if json:
        emit({"run": str(run), **scores.to_json(), **told})
    else:
        print(scores.table(metrics=metrics or None))
        if ranked is not None:
            print(ranked)
    if scores.failed:
        tell(f"{scores.failed} tasks had predictions that were not finite.")
