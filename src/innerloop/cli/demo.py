"""innerloop demo"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from innerloop.cli.console import AsJson, Seed, command, emit, messages, out, tell
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.recipes.abreast import cores
from innerloop.recipes.demo import PLACES_ZH, Demo, learnt
from innerloop.recipes.demo import demo as run_demo
from innerloop.report.demo import draw_demo
from innerloop.training.files import disk_errors, to_json, write_atomically


@command
def demo(
    folder: Annotated[Path, typer.Option("--out", help="Where runs and picture go.")] = Path(
        "runs/demo"
    ),
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Learn from printed letters, then meet scripts never seen and real handwriting.

    Takes a few minutes on two cores and downloads nothing.

    Example: innerloop demo --out runs/demo
    """
    started = time.monotonic()
    folder = free(folder)
    found = run_demo(
        folder,
        seed=seed,
        tell=tell,
        workers=min(3, cores()),
        progress=messages.is_terminal,
    )
    tell(say("Drawing ...", "正在绘图 ..."))
    picture = draw_demo(folder / "demo.png", found, seed=seed)
    minutes = (time.monotonic() - started) / 60
    facts = {"picture": str(picture), "seed": seed, "minutes": round(minutes, 2)}
    facts = {**found.to_json(), **facts}
    write_atomically(folder / "demo.json", to_json(facts).encode())
    if json:
        emit(facts)
        return
    out.print(table(found))
    out.print("\n" + learnt(found.scores), soft_wrap=True)
    tell(
        say(
            f"\nPicture: {picture}. Runs and figures: {folder}. {minutes:.1f} minutes. "
            f"Next: innerloop evaluate {folder}/protonet --ways 10",
            f"\n图片：{picture}。运行与数据：{folder}。用时 {minutes:.1f} 分钟。"
            f"下一步：innerloop evaluate {folder}/protonet --ways 10",
        )
    )
    messages.print()


def free(folder: Path) -> Path:
    """The folder, or the next free one beside it: an earlier demo is never overwritten."""
    if not folder.exists():
        return made(folder)
    if not folder.is_dir():
        raise InputError(
            f"--out must be a folder, but {folder} is a file; give another name.",
            f"--out 应为文件夹，而 {folder} 是文件；请换一个名称。",
        )
    number = 2
    while (other := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return made(other)


def made(folder: Path) -> Path:
    """The folder, made now: minutes of training are not for a place that cannot be written."""
    with disk_errors(folder):
        folder.mkdir(parents=True)
    return folder


def table(found: Demo) -> Table:
    """One table: a row per learner, a column per place and number of examples."""
    title = say(
        "5-way accuracy in % on the same episodes, mean ± 95 % interval",
        "5 类正确率（%，相同任务，均值 ± 95 % 区间）",
    )
    made = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    made.add_column(say("learner", "学习器"), no_wrap=True)
    for place, by_shots in found.scores.items():
        for shots in by_shots:
            name = say(place.replace(" ", "\n"), PLACES_ZH[place])
            head = f"{name}\n" + say(f"{shots}-shot", f"{shots} 样本")
            made.add_column(head, justify="right", no_wrap=True)
    made.add_column(
        say("ms to\nadapt\n1-shot", "适应\n毫秒\n1 样本"), justify="right", no_wrap=True
    )
    first = next(iter(found.scores.values()))[1]
    for name, scores in first.items():
        cells = [
            t[name].figure().removesuffix(" %")
            for by_shots in found.scores.values()
            for t in by_shots.values()
        ]
        made.add_row(name, *cells, f"{scores.milliseconds:.1f}")
    return made
