"""innerloop data list | fetch NAME | verify NAME"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from innerloop.cli.console import AsJson, command, emit, fail, out, tell
from innerloop.language import say
from innerloop.tasks import data as sets
from innerloop.tasks.data import DataStatus

app = typer.Typer(
    help="Data sets on disk. INNERLOOP_DATA says where; the user's cache folder without it.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="A data set; see: innerloop data list.")]


@app.command("list")
@command
def list_data(json: AsJson = False) -> None:
    """The data sets, and which of them are here.

    Example: innerloop data list
    """
    found = sets.listing()
    if json:
        emit({"root": str(sets.data_root()), "data": [asdict(status) for status in found]})
        return
    table = Table(box=None, header_style="bold")
    for column in (("name", "名称"), ("here", "已有"), ("what", "内容"), ("licence", "许可")):
        table.add_column(say(*column))
    for status in found:
        here = say("yes", "是") if status.present else say("no", "否")
        table.add_row(status.name, here, status.about, status.licence)
    out.print(table)
    tell(say(f"The data root is {sets.data_root()}.", f"数据根目录为 {sets.data_root()}。"))


@app.command("fetch")
@command
def fetch_data(name: Name, json: AsJson = False) -> None:
    """Download a data set from upstream, unless it is here, and verify it.

    Example: innerloop data fetch omniglot
    """
    finish(sets.fetch(name), json)


@app.command("verify")
@command
def verify_data(name: Name, json: AsJson = False) -> None:
    """Compare every image or table with what was published.

    Example: innerloop data verify omniglot
    """
    finish(sets.verify(name), json)


def finish(status: DataStatus, json: bool) -> None:
    en, zh = status.unit
    if not status.verified:
        fail(
            say(
                f"{status.name} in {status.folder} differs from what was published "
                f"({status.items:,} of {status.published:,} {en}); remove it and fetch it again.",
                f"{status.folder} 中的 {status.name} 与发布的内容不一致"
                f"（{status.items:,} / {status.published:,} {zh}）；请删除后重新获取。",
            ),
            2,
            json,
        )
    if json:
        emit(asdict(status))
        return
    tell(
        say(
            f"{status.name}: all {status.items:,} {en} are as published, in {status.folder}.",
            f"{status.name}：{status.items:,} {zh}均与发布的内容一致，位于 {status.folder}。",
        )
    )
