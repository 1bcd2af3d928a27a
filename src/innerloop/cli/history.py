"""innerloop history RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from innerloop.cli.console import AsJson, command, emit, out, tell
from innerloop.language import say
from innerloop.report.tensorboard import write_events
from innerloop.training.folder import RunFolder

COLUMNS = ("step", "loss", "lr", "validation", "dropped", "seconds")


@command
def history(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    lines: Annotated[int, typer.Option(help="How many lines, evenly spread.")] = 20,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write event files for TensorBoard.")
    ] = False,
    json: AsJson = False,
) -> None:
    """How a run went: loss, learning rate and validation by step.

    Example: innerloop history runs/first --tensorboard
    """
    folder = RunFolder(run)
    folder.read_settings()  # says so if this is no run folder
    rows = folder.read_history()
    if tensorboard:
        written = write_events(run)
        tell(
            say(
                f"Event files: tensorboard --logdir {written}",
                f"事件文件：tensorboard --logdir {written}",
            )
        )
    if json:
        emit({"run": str(run), "history": rows})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    every = max(1, -(-len(rows) // max(1, lines)))
    shown = [r for at, r in enumerate(rows) if at % every == 0 or at == len(rows) - 1]
    for row in shown:
        table.add_row(*(shorten(row.get(column)) for column in COLUMNS))
    out.print(table)


def shorten(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
