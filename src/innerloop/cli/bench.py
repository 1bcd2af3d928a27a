"""innerloop bench"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from innerloop.bench.asked import PARTS
from innerloop.bench.contenders import CONTENDERS
from innerloop.bench.picture import draw
from innerloop.bench.run import Show
from innerloop.bench.run import bench as run_bench
from innerloop.bench.workloads import WORKLOADS
from innerloop.cli.bench_tables import listing, notes, tables
from innerloop.cli.console import AsJson, Seed, command, emit, messages, out, tell
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.training.files import disk_errors


@command
def bench(
    only: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Only these parts; see --list.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Beside these; all that are installed without it."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Time of the rounds: 20, or 2 with --quick.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer tasks and less time.")] = False,
    cores: Annotated[
        int | None, typer.Option(help="Use so many cores; all of them without it.")
    ] = None,
    seed: Seed = 0,
    folder: Annotated[Path, typer.Option("--out", help="Where figures and picture go.")] = Path(
        "runs/bench"
    ),
    listed: Annotated[
        bool, typer.Option("--list", help="Show the parts and the contenders, and stop.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Measure how fast meta-training is here, beside other libraries.

    Gradients are checked in double precision first; who is wrong is not timed. The others come with
    pip install 'innerloop[peers]'. All parts take about an hour, with --quick a quarter of it.

    Example: innerloop bench --quick --only conv4-k5,sinusoid-k1,memory --against plain
    """
    if listed:
        show_list(json)
        return
    chosen, beside = names(only, "--only"), names(against, "--against")
    check_folder(folder)
    with progress() as show:
        found = run_bench(
            chosen,
            beside,
            minutes=minutes,
            quick=quick,
            cores=cores,
            seed=seed,
            out=folder,
            show=show,
        )
    with disk_errors(folder):
        picture = draw(folder / "bench.png", found)
    if json:
        emit({**found, "picture": None if picture is None else str(picture)})
        return
    for table in tables(found):
        out.print(table)
        out.print()
    for note in notes(found):
        out.print(note, soft_wrap=True, markup=False)
    tell(
        say(
            f"Figures and picture: {folder}. {found['minutes']:.1f} minutes.",
            f"数据与图片：{folder}。用时 {found['minutes']:.1f} 分钟。",
        )
    )


def names(text: str | None, option: str) -> list[str] | None:
    """ "a,b" -> ["a", "b"]"""
    if text is None:
        return None
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise InputError(
            f"{option} needs at least one name, got {text!r}; innerloop bench --list shows them.",
            f"{option} 至少需要一个名称，收到 {text!r}；名称参见 innerloop bench --list。",
        )
    return found


def check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"--out must be a folder, but {folder} is a file; give another name.",
            f"--out 应为文件夹，而 {folder} 是文件；请换一个名称。",
        )
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


def show_list(json: bool) -> None:
    if json:
        contenders = {name: each.version for name, each in CONTENDERS.items()}
        emit({"parts": PARTS, "contenders": contenders})
        return
    for table in listing(WORKLOADS, CONTENDERS):
        out.print(table)
        out.print()


@contextmanager
def progress() -> Iterator[Show]:
    """A bar on a terminal; elsewhere a line on stderr for each part."""
    if not messages.is_terminal:
        last = [""]

        def line(share: float, what: str) -> None:
            part = what.partition(":")[0]
            if part and part != last[0]:
                tell(f"{100 * share:3.0f} % {part}")
            last[0] = part

        yield line
        return
    columns = (BarColumn(24), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=messages) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda share, what: bar.update(task, completed=share, description=what)
