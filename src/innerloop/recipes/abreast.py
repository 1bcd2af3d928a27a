"""Independent jobs side by side, one process each, with a bar for those that train."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from innerloop.language import language, use_language
from innerloop.training.folder import RunFolder

Job = Callable[[], Any]


def abreast(
    jobs: Sequence[Job],
    *,
    workers: int,
    watched: Mapping[str, tuple[Path, int]] | None = None,
) -> list[Any]:
    """The results of the jobs, in their order; `workers` at a time, or here if that is one.

    watched: run folders that jobs write, and their steps, to show a bar on stderr for each.

    >>> from functools import partial
    >>> abreast([partial(pow, 2, 3), partial(pow, 3, 2)], workers=1)
    [8, 9]
    """
    if workers < 2:
        return [job() for job in jobs]
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    begin = (language(), 1)
    with ProcessPoolExecutor(workers, context, initializer=begin_work, initargs=begin) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            watch(futures, watched or {})
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def begin_work(chosen: str, threads: int) -> None:
    use_language(chosen)
    torch.set_num_threads(threads)


def watch(futures: Sequence[Future[Any]], watched: Mapping[str, tuple[Path, int]]) -> None:
    """Show how far the watched runs are until all jobs are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console) if watched else nullcontext() as bars:
        lines = {
            name: bars.add_task(name, total=steps, loss="")
            for name, (_, steps) in watched.items()
            if bars
        }
        while not all(future.done() for future in futures):
            time.sleep(0.3)
            failed = next((f for f in futures if f.done() and f.exception()), None)
            if failed:
                failed.result()
            for name, line in lines.items():
                show(bars, line, *watched[name])
        for name, line in lines.items():
            show(bars, line, *watched[name])


def show(bars: Any, line: Any, folder: Path, steps: int) -> None:
    history = RunFolder(folder).read_history()
    if history:
        last = history[-1]
        loss = "" if last["loss"] is None else f"loss {last['loss']:.3f}"
        bars.update(line, completed=min(steps, last["step"] + 1), loss=loss)


def cores() -> int:
    """How many processes this machine runs at full speed."""
    return os.cpu_count() or 1
