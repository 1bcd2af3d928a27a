"""innerloop compare RUN RUN..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from innerloop.adapted import load
from innerloop.cli.asked import tasks_of
from innerloop.cli.console import AsJson, Seed, command, emit, messages
from innerloop.errors import InputError
from innerloop.evaluation import compare as compare_pairs
from innerloop.evaluation.judging import check_episodes


@command
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two run folders or more.")],
    on: Annotated[
        str | None, typer.Option(help="Tasks; those of the first run without it.")
    ] = None,
    split: Annotated[Literal["train", "validation", "test"], typer.Option()] = "test",
    episodes: Annotated[int, typer.Option(help="How many new tasks.")] = 600,
    ways: Annotated[int | None, typer.Option(help="Classes of a task.")] = None,
    shots: Annotated[int | None, typer.Option(help="Support examples per class or task.")] = None,
    queries: Annotated[int | None, typer.Option(help="Query examples per class or task.")] = None,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Compare runs task by task, on the same episodes.

    Example: innerloop compare runs/omniglot-maml runs/omniglot-protonet --shots 5
    """
    check_episodes(episodes)
    if len(runs) < 2:
        raise InputError(
            f"compare needs at least two runs, got {len(runs)}; name another run folder.",
            f"compare 至少需要两个运行，收到 {len(runs)} 个；请再给一个运行文件夹。",
        )
    trained = {str(path): load(path) for path in runs}
    if len(trained) < len(runs):
        raise InputError(
            "compare needs different runs, and one was named twice; name another run folder in its place.",
            "compare 需要不同的运行，而有一个重复出现；请换成另一个运行文件夹。",
        )
    tasks = tasks_of(next(iter(trained.values())), on, ways=ways, shots=shots, queries=queries)
    found = compare_pairs(
        trained, tasks.split(split), episodes=episodes, seed=seed, progress=messages.is_terminal
    )
    if json:
        emit(found.to_json())
    else:
        print(found)
