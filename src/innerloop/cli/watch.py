"""innerloop watch RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from innerloop.cli.console import AsJson, Seed, command, emit, tell
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.reinforcement import load
from innerloop.reinforcement.run import is_reinforcement


@command
def watch(
    run: Annotated[Path, typer.Argument(help="The folder of a run in environments.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture of its paths: .gif or .png.")
    ] = None,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Watch a policy in one new task: its first episode, and its last, when it has adapted.

    Example: innerloop watch runs/gridnavi-varibad --seed 3 --out paths.gif
    """
    from innerloop.report import trials

    if not is_reinforcement(run):
        raise InputError(
            f"{run} is not a run in environments, so there is nothing to watch; see it with innerloop evaluate {run}.",
            f"{run} 不是环境中的运行，没有可观看的内容；请用 innerloop evaluate {run} 查看。",
        )
    seen = trials.watch(load(run), seed)
    if out is not None:
        trials.film(seen, out)
    if json:
        emit({"run": str(run), **seen.to_json(), "picture": out and str(out)})
        return
    print(seen)
    if out is not None:
        tell(say(f"Written: {out}", f"已写入：{out}"))
