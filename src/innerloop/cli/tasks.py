"""innerloop tasks list | show NAME, and innerloop algorithms [NAME]"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from innerloop.algorithms import ALGORITHMS
from innerloop.cli.check import check
from innerloop.cli.console import AsJson, command, emit, out
from innerloop.cli.names import tasks_named
from innerloop.cli.settings import as_option, constructor_of
from innerloop.language import say
from innerloop.outer.learner import settings_of
from innerloop.tasks import TASKS, show

app = typer.Typer(help="Families of tasks.", no_args_is_help=True)
app.command("check", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    check
)


@app.command("list")
@command
def list_tasks(json: AsJson = False) -> None:
    """The built-in families.

    Example: innerloop tasks list
    """
    first_lines = {name: first_line(family) for name, family in TASKS.items()}
    if json:
        emit({"tasks": first_lines})
        return
    table = Table(box=None, header_style="bold")
    table.add_column(say("name", "名称"))
    table.add_column(say("what a task is", "任务内容"))
    for name, text in first_lines.items():
        table.add_row(name, text)
    out.print(table)


@app.command("show")
@command
def show_tasks(
    name: Annotated[str, typer.Argument(help="A built-in family.")], json: AsJson = False
) -> None:
    """What a family holds: its splits, groups and the shape of an example.

    Example: innerloop tasks show glyphs
    """
    facts = show(tasks_named(name))
    if json:
        emit(facts)
        return
    out.print(f"{facts['name']}: {facts['kind']}, {facts['settings']}", markup=False)
    if facts["name"] in TASKS:
        out.print(first_line(TASKS[facts["name"]]), markup=False)
    for split, held in facts["splits"].items():
        counts = [f"{k} {v}" for k, v in held.items() if k != "groups" and v is not None]
        if held.get("classes") is None and "groups" not in held:
            counts.append(say("every task is new", "每个任务都是新的"))
        out.print(f"[bold]{split}[/bold]  " + ", ".join(counts), soft_wrap=True)
        groups = held.get("groups") or {}
        if not groups:
            continue
        table = Table(box=None, header_style="dim", padding=(0, 2))
        columns = list(next(iter(groups.values())))
        table.add_column(say("group", "分组"))
        for column in columns:
            table.add_column(column, justify="right")
        for group, row in groups.items():
            table.add_row(group, *(str(row.get(column, "")) for column in columns))
        out.print(table)


@command
def algorithms(
    name: Annotated[str | None, typer.Argument(help="One algorithm, for its settings.")] = None,
    json: AsJson = False,
) -> None:
    """The learners, and the settings that each has.

    Example: innerloop algorithms maml
    """
    if name is None:
        lines = {n: first_line(a) for n, a in ALGORITHMS.items()}
        if json:
            emit({"algorithms": lines})
            return
        table = Table(box=None, show_header=False)
        for n, text in lines.items():
            table.add_row(f"[bold]{n}[/bold]", text)
        out.print(table)
        return
    constructor = constructor_of(name)
    options = [as_option(n, d) for n, d in settings_of(constructor).items()]
    if json:
        emit({"algorithm": name, "options": options})
        return
    out.print((constructor.__doc__ or "").split(">>>")[0].rstrip(), markup=False)
    out.print("\n" + say("Options: ", "选项：") + ", ".join(options), markup=False)


def first_line(function: object) -> str:
    return (function.__doc__ or "").strip().splitlines()[0]
