"""innerloop adapt RUN --support FILE|DIR --out FILE"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from innerloop.adapted import Adapted, Run, load
from innerloop.cli.console import AsJson, Device, command, emit, tell
from innerloop.cli.samples import Sample, read_support
from innerloop.cli.settings import read_settings
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.structure.conformal import check_coverage, limit
from innerloop.structure.familiar import ALPHA
from innerloop.structure.trust import sentence
from innerloop.training.files import read_tensors

OWN = [
    "--support",
    "--out",
    "--target",
    "--standalone",
    "--keep-support",
    "--orders",
    "--coverage",
    "--no-calibrate",
    "--device",
    "--json",
]


@command
def adapt(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    support: Annotated[
        Path,
        typer.Option(help="Folder of class folders, table (.csv, .parquet), or .npz with x and y."),
    ],
    out: Annotated[Path, typer.Option(help="The file for the adapted task.")],
    target: Annotated[
        list[str] | None,
        typer.Option("--target", "--label", help="The table's column of labels or targets."),
    ] = None,
    standalone: Annotated[
        bool, typer.Option("--standalone", help="Take the learner along: the file needs no run.")
    ] = False,
    keep_support: Annotated[
        bool, typer.Option("--keep-support", help="Keep the examples in the file, for updates.")
    ] = False,
    orders: Annotated[
        int | None, typer.Option(help="Adapt in so many orders of the classes, and average.")
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            help="Let predict answer with sets or intervals that hold the truth so often: 0.9."
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Ask whether the task is like those of meta-training; takes seconds, once per run and "
            "number of examples.",
        ),
    ] = True,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Learn one new task from its examples and keep it in a small file.

    Settings of the algorithm can be changed for the task (--inner-steps 10).

    Example: innerloop adapt runs/first --support letters --out letters.safetensors
    """
    trained = load(run, device=device)
    settings = read_settings(trained.learner.spec.algorithm, context.args, OWN)
    if settings:
        trained = replace(trained, learner=trained.learner.replace(**settings))
    check_out(out)
    if coverage is not None:
        check_coverage(coverage)
    sample = read_support(support, trained.kind, trained.inputs, target or [])
    warm_up()
    begun = time.perf_counter()
    adapted = trained.adapt(sample.x, sample.y, orders=orders)
    milliseconds = 1_000 * (time.perf_counter() - begun)
    adapted.save(out, standalone=standalone, keep_support=keep_support)
    report(trained, adapted, sample, out, milliseconds)
    if calibrate or coverage is not None:
        adapted = calibrated(adapted, coverage)
        adapted.save(out, standalone=standalone, keep_support=keep_support)
    if json:
        emit(
            {
                "run": str(run),
                "file": str(out),
                "examples": len(sample.names),
                "classes": None if adapted.classes is None else adapted.classes.tolist(),
                "orders": 1 if adapted.places is None else len(adapted.places),
                "milliseconds": round(milliseconds, 3),
                "bytes": out.stat().st_size,
                "standalone": standalone,
                "familiar_p": adapted.familiar_p,
                "coverage": coverage,
                **({"notice": adapted.notice} if adapted.notice else {}),
            }
        )
    if adapted.notice:
        tell(adapted.notice)


def calibrated(adapted: Adapted, coverage: float | None) -> Adapted:
    """With what the run's meta-validation tasks say of it; where they cannot say anything it stays as
    it was, unless a coverage was asked for."""
    tell(
        say(
            "Holding it against the run's meta-validation tasks (--no-calibrate leaves it out).",
            "正在与该运行的元验证任务对照（--no-calibrate 可省略）。",
        )
    )
    try:
        found = adapted.calibrated(coverage)
    except InputError as error:
        if coverage is not None:
            raise
        tell(say(f"Not calibrated: {error}", f"未校准：{error}"))
        return adapted
    if coverage is not None:
        limit(found.trust and found.trust.limits, coverage)  # whether it can be had
    assert found.familiar_p is not None
    if found.familiar_p < ALPHA:
        tell(say(*sentence(found.familiar_p)))
    return found


def warm_up() -> None:
    """torch loads its compiler at the first gradient: seconds that adapting does not take."""
    torch.func.grad(torch.square)(torch.ones(()))


def check_out(out: Path) -> None:
    """An adapted task may be replaced; a file that is something else is left alone."""
    if not out.exists():
        return
    try:
        ours = "adapted" in read_tensors(out)[1]
    except InputError:
        ours = False
    if not ours:
        raise InputError(
            f"{str(out)!r} is there already and is no adapted task; choose another --out.",
            f"{str(out)!r} 已存在且不是适应后的任务；请换一个 --out。",
        )


def report(run: Run, adapted: Adapted, sample: Sample, out: Path, milliseconds: float) -> None:
    name, count = run.learner.spec.algorithm, len(sample.names)
    what = say("numbers", "数值")
    if adapted.classes is not None:
        held = Counter(str(label) for label in sample.y)
        what = ", ".join(f"{label} ({n})" for label, n in list(held.items())[:12])
        what += ", ..." if len(held) > 12 else ""
    tell(
        say(
            f"{name} learnt a task from {count} examples in {milliseconds:.1f} ms: {what}.",
            f"{name} 用 {count} 个样本在 {milliseconds:.1f} 毫秒内学会了一个任务：{what}。",
        )
    )
    if getattr(adapted.inputs, "name", "") == "drawings" and not hasattr(sample.x, "shape"):
        tell(
            say(
                "Images were made grey and square; what differs from an image's border is its ink.",
                "图像已转为灰度方形；与边框不同的部分视为笔迹。",
            )
        )
    tell(
        say(
            f"Saved in {out} ({out.stat().st_size:,} bytes). Next: innerloop predict {out} INPUT...",
            f"已保存到 {out}（{out.stat().st_size:,} 字节）。下一步：innerloop predict {out} 输入...",
        )
    )
