"""innerloop tasks check PATH"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Annotated, Any

import typer

from innerloop.cli.console import AsJson, Queries, Shots, Ways, command, emit, out
from innerloop.cli.names import family_of, family_options, meant, missing, option_names, span
from innerloop.errors import InputError, did_you_mean
from innerloop.language import say
from innerloop.tasks import TASKS, image_facts, show, table_facts, text_facts

FACTS: dict[str, Callable[..., dict[str, Any]]] = {
    "images": image_facts,
    "table": table_facts,
    "text": text_facts,
}


APART = ("splits", "wrong", "warnings", "guessed", "next", "ready", "problem", "duplicates")


@command
def check(
    context: typer.Context,
    path: Annotated[str, typer.Argument(help="A folder of images, a table, or sentences.")],
    ways: Ways = None,
    shots: Shots = None,
    queries: Queries = None,
    json: AsJson = False,
) -> None:
    """What your data hold, what is wrong with them, and what was guessed, before any training.

    Settings of the tasks are options as well: --size, --grey, --fit, --splits FILE, --by class of
    a folder; --task, --target, --split of a table; --text-column, --label-column, --task-column of
    sentences. Exit code 2 means that one cannot train yet.

    Example: innerloop tasks check photos --ways 5 --shots 5
    """
    path = meant(path, context.args)
    family, where = family_of(path)
    options, rest = family_options(path, context.args)
    if rest:
        en, zh = did_you_mean(rest[0], [*option_names(path), "--ways", "--shots", "--queries"])
        raise InputError(
            f"tasks check has no option {rest[0]}{en} See --help.",
            f"tasks check 没有选项 {rest[0]}{zh} 参见 --help。",
        )
    asked = {"ways": ways, "shots": shots, "queries": queries}
    settings = {n: span(f"--{n}", text) for n, text in asked.items() if text is not None}
    facts = facts_of(family, where, {**options, **settings})
    facts["next"] = next_command(path, {**options, **settings})
    if json:
        emit(facts)
    else:
        tell_facts(facts)
    if not facts.get("ready", True):
        raise typer.Exit(2)


def facts_of(family: str, where: tuple[str, ...], settings: dict[str, Any]) -> dict[str, Any]:
    if family not in FACTS:
        return show(TASKS[family](**settings))
    for name in missing(TASKS[family], settings):
        raise InputError(
            f"a {family} needs --{name}, a column; write --{name} NAME.",
            f"{family} 需要 --{name} 列；请写 --{name} 列名。",
        )
    return FACTS[family](*where, **settings)


def next_command(path: str, settings: dict[str, Any]) -> str:
    """The command that trains on these data with these settings."""
    words = ["innerloop", "train", path]
    for name, value in settings.items():
        text = (
            "-".join(map(str, value))
            if name in ("ways", "shots", "queries") and isinstance(value, tuple)
            else value
        )
        text = ",".join(text) if isinstance(text, tuple | list) else str(text)
        words += ["--" + name.replace("_", "-"), text.lower() if isinstance(value, bool) else text]
    return " ".join(shlex.quote(word) for word in words)


def tell_facts(facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        if name in APART:
            continue
        if value not in (None, [], {}, 0, ""):
            out.print(f"[bold]{name}[/bold]  " + plain(value), soft_wrap=True)
    for split, held in facts.get("splits", {}).items():
        counts = ", ".join(
            f"{plain(v)} {k.replace('_', ' ')}"
            for k, v in held.items()
            if k != "groups" and v not in (None, [], ())
        )
        if len(groups := held.get("groups") or {}) > 1:
            counts += say(f" in {len(groups)} groups", f"，{len(groups)} 个分组")
        out.print(f"[bold]{split}[/bold]  {counts}", soft_wrap=True)
    guessed = facts.get("guessed") or []
    for sentence in [guessed] if isinstance(guessed, str) else guessed:
        out.print(say("guessed: ", "猜测：") + sentence, markup=False, soft_wrap=True)
    for sentence in [*facts.get("wrong", ()), *facts.get("warnings", ())]:
        out.print(say("wrong: ", "问题：") + sentence, markup=False, soft_wrap=True)
    if facts.get("problem"):
        out.print(facts["problem"], markup=False, soft_wrap=True)
        return
    out.print(say("next: ", "下一步：") + facts["next"], markup=False, soft_wrap=True)


def plain(value: Any) -> str:
    """A fact on one line: a dict as "a 1, b 2", a range as "3-20"."""
    if isinstance(value, dict):
        held = [f"{name} {plain(of_it)}" for name, of_it in value.items()]
        return ("; " if any("," in one for one in held) else ", ").join(held).replace("[", "\\[")
    if (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(v, int) for v in value)
    ):
        return f"{value[0]}-{value[1]}"
    if isinstance(value, list | tuple):
        return "; ".join(plain(held) for held in value)
    return str(value).replace("[", "\\[")
