"""innerloop predict ADAPTED INPUT..."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from innerloop.adapted import Adapted, load_adapted
from innerloop.adapted.reasons import Near
from innerloop.cli.console import AsJson, Device, command, emit, out, tell
from innerloop.cli.samples import read_inputs
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.structure.familiar import ALPHA
from innerloop.structure.trust import sentence
from innerloop.training.files import write_atomically

SHOWN = 40  # rows of the table on the terminal
REASONS = 3  # examples that are named where answers need reasons


class Answers(NamedTuple):
    """names: of the inputs; values (rows, ...); chances (rows, N) and their labels, or None. within:
    the labels that may be each row's, or the ends of its interval; None without a coverage. near: the
    examples that each row is most like; None where they are not asked for or not there."""

    names: list[str]
    values: np.ndarray
    chances: np.ndarray | None
    labels: list[str]
    within: list[Any] | None = None
    near: list[list[Near]] | None = None


@command
def predict(
    adapted: Annotated[Path, typer.Argument(help="The file that adapt wrote.")],
    inputs: Annotated[
        list[Path], typer.Argument(help="Images, folders of them, tables, .npz or .npy with x.")
    ],
    run: Annotated[
        Path | None, typer.Option(help="The run folder, where it has moved elsewhere.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write all answers to a CSV file.")
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="Also the set or interval that holds the truth so often: 0.9."),
    ] = None,
    nearest: Annotated[
        int, typer.Option(help="Name so many of the task's examples that each input is most like.")
    ] = 0,
    abstain: Annotated[
        float | None,
        typer.Option(help="Leave an input unanswered whose best label is less probable: 0.7."),
    ] = None,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Answer new inputs of an adapted task.

    Example: innerloop predict letters.safetensors photo.png more/ --out predictions.csv
    """
    task = load_adapted(adapted, run, device=device)
    coverage = coverage if coverage is not None or task.trust is None else task.trust.coverage
    if nearest == 0 and task.notice and task.support is not None:
        nearest = REASONS
    found = answer(task, inputs, coverage, nearest)
    if abstain is not None:
        found = abstained(found, abstain)
    if to is not None:
        write_csv(to, found)
        tell(
            say(
                f"{len(found.names)} answers are in {to}.",
                f"{len(found.names)} 个答案已写入 {to}。",
            )
        )
    if json:
        said = {"notice": task.notice} if task.notice else {}
        facts = {"familiar_p": task.familiar_p, "coverage": coverage, **said}
        emit({**as_json(task, found), **facts})
    elif to is None:
        show(found)
    if task.familiar_p is not None and task.familiar_p < ALPHA:
        tell(say(*sentence(task.familiar_p)))
    if task.notice:
        tell(task.notice)


def abstained(found: Answers, least: float) -> Answers:
    """Without the labels that are less probable."""
    if not 0 < least <= 1:
        raise InputError(
            f"--abstain is a probability between 0 and 1, got {least}; 0.7 is a good one.",
            f"--abstain 应为 0 与 1 之间的概率，收到 {least}；可用 0.7。",
        )
    if found.chances is None or found.values.ndim != 1:
        raise InputError(
            "--abstain is for one label of several, and this task has none; leave it out.",
            "--abstain 用于多选一的标签，而该任务没有；请去掉。",
        )
    sure = found.chances.max(1) >= least
    values = found.values.astype(object)
    values[~sure] = None
    return found._replace(values=values)


def answer(
    task: Adapted, paths: list[Path], coverage: float | None = None, nearest: int = 0
) -> Answers:
    """The answers to all inputs, in their order; labels are those of the columns of `chances`."""
    names: list[str] = []
    values, chances = [], []
    within: list[Any] | None = None if coverage is None else []
    near: list[list[Near]] | None = [] if nearest else None
    for sample in read_inputs(paths, task.inputs):
        names += sample.names
        values.append(np.asarray(task.predict(sample.x)))
        if within is not None:
            ends = task.predict(sample.x, coverage=coverage)
            within += ends if task.classes is not None else np.asarray(ends).tolist()
        if near is not None:
            near += task.nearest(sample.x, nearest)
        if task.kind != "regression":
            chances.append(np.asarray(task.predict_proba(sample.x)))
    held = np.concatenate(chances) if chances else None
    labels = [] if held is None else [str(n) for n in range(held.shape[1])]
    if task.classes is not None:
        labels = [str(label) for label in task.classes.tolist()]
    return Answers(names, np.concatenate(values), held, labels, within, near)


def as_json(task: Adapted, found: Answers) -> dict[str, Any]:
    within: dict[str, Any] = {}
    if found.within is not None:
        within = {"interval" if task.classes is None else "sets": found.within}
    if found.near is not None:
        within["nearest"] = [[each._asdict() for each in row] for row in found.near]
    if found.chances is None:
        return {"inputs": found.names, "mean": found.values.tolist(), **within}
    return {
        **within,
        "inputs": found.names,
        "predictions": found.values.tolist(),
        "classes": found.labels if task.classes is None else task.classes.tolist(),
        "probabilities": found.chances.round(6).tolist(),
    }


def show(found: Answers) -> None:
    """A table of input, answer, and how probable it is."""
    table = Table(box=None, pad_edge=False)
    table.add_column(say("input", "输入"), overflow="fold")
    table.add_column(say("answer", "答案"))
    single = found.chances is not None and found.values.ndim == 1
    if single:
        table.add_column(say("probability", "概率"), justify="right")
    if found.within is not None:
        table.add_column(say("may be", "可能为"), overflow="fold")
    if found.near is not None:
        table.add_column(say("like examples (row: label)", "相似样本（行：标签）"), overflow="fold")
    for n, name in enumerate(found.names[:SHOWN]):
        row = [escape(name), escape(written(found.values[n]))]
        if single:
            assert found.chances is not None
            row.append(f"{found.chances[n].max():.3f}")
        if found.within is not None:
            row.append(escape(spelt(found.within[n], found.chances is None)))
        if found.near is not None:
            row.append(escape("; ".join(f"{e.row}: {written(e.label)}" for e in found.near[n])))
        table.add_row(*row)
    out.print(table)
    more = len(found.names) - SHOWN
    if more > 0:
        tell(
            say(
                f"... and {more} more; --out FILE writes all of them.",
                f"……另有 {more} 个；--out 文件 可写出全部。",
            )
        )


def written(value: Any) -> str:
    """One answer as text: a label, or numbers with four digits."""
    if value is None:
        return say("unsure", "不确定")
    if isinstance(value, np.ndarray):
        return ", ".join(written(each) for each in value)
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def spelt(within: list[Any], numbers: bool) -> str:
    """A label set, or the interval of each number.

    >>> spelt(["a", "b"], False), spelt([1.0, 2.5], True), spelt([[0.0, 1.0], [2.0, 3.0]], True)
    ('a, b', '1 .. 2.5', '0 .. 1, 2 .. 3')
    """
    if not numbers:
        return ", ".join(map(str, within)) or say("none of these", "均不是")
    pairs = within if isinstance(within[0], list) else [within]
    return ", ".join(f"{low:.4g} .. {high:.4g}" for low, high in pairs)


def write_csv(path: Path, found: Answers) -> None:
    """input, prediction (one column per number), one probability per label, and with a coverage the
    labels that may be, separated by semicolons, or the ends of each number's interval."""
    values = found.values.reshape(len(found.names), -1)
    several = values.shape[1] > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = [f"prediction {n}" for n in range(values.shape[1])] if several else ["prediction"]
    ends: list[str] = []
    if found.within is not None:
        ends = (
            ["may be"] if found.labels else [f"{end} {h}" for h in heads for end in ("low", "high")]
        )
    writer.writerow(["input", *heads, *(f"p({label})" for label in found.labels), *ends])
    for n, name in enumerate(found.names):
        chances = [] if found.chances is None else [f"{p:.6f}" for p in found.chances[n]]
        within: list[Any] = []
        if found.within is not None:
            may = found.within[n]
            within = [";".join(map(str, may))] if found.labels else np.ravel(may).tolist()
        writer.writerow([name, *values[n].tolist(), *chances, *within])
    write_atomically(path, text.getvalue().encode("utf-8"))
