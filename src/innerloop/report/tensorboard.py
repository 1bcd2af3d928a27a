"""A run's history as TensorBoard events, for those who watch their runs there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from innerloop.errors import MissingExtra
from innerloop.training.folder import RunFolder

CURVES = ("loss", "validation", "lr", "dropped")


def write_events(run: str | os.PathLike[str], out: str | os.PathLike[str] | None = None) -> Path:
    """Write event files of the run in a folder; the folder they are in, by default `events`
    within the run's. Show them with: tensorboard --logdir FOLDER.

    Points stand at their step, and at the time of day when they were logged.
    """
    writer_of = summary_writer()
    folder = RunFolder(Path(run))
    settings, rows = folder.read_settings(), folder.read_history()
    began = (folder.path / "settings.json").stat().st_mtime
    path = Path(out) if out is not None else folder.path / "events"
    with writer_of(log_dir=str(path)) as writer:
        writer.add_text("settings", as_table(settings), 0, walltime=began)
        for row in rows:
            for curve in CURVES:
                if row[curve] is not None:
                    when = began + row["seconds"]
                    writer.add_scalar(curve, row[curve], row["step"], walltime=when)
    return path


def summary_writer() -> Any:
    """TensorBoard's writer, or the name of the extra that brings it."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("tensorboard", "TensorBoard") from error
    return SummaryWriter


def as_table(settings: dict[str, Any]) -> str:
    """Markdown: one line per setting."""
    lines = ["| setting | value |", "|---|---|"]
    for part in ("settings", "training"):
        lines += [f"| {name} | {value} |" for name, value in settings[part].items()]
    return "\n".join(lines)
