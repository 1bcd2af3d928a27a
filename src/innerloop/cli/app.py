"""The commands by name."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from innerloop import __version__
from innerloop.cli import usage
from innerloop.cli.adapt import adapt
from innerloop.cli.bench import bench
from innerloop.cli.chat import chat
from innerloop.cli.chinese import translate
from innerloop.cli.compare import compare
from innerloop.cli.console import emit, tell
from innerloop.cli.data import app as data
from innerloop.cli.demo import demo
from innerloop.cli.evaluate import evaluate
from innerloop.cli.history import history
from innerloop.cli.map import map_tasks
from innerloop.cli.predict import predict
from innerloop.cli.probe import probe
from innerloop.cli.tasks import algorithms
from innerloop.cli.tasks import app as tasks
from innerloop.cli.train import train
from innerloop.cli.watch import watch
from innerloop.errors import InnerloopError, not_one_of
from innerloop.language import LANGUAGES, language, typed, use_language


class Commands(TyperGroup):
    """All commands. Whatever cannot be read is told in our own words, as every other error is."""

    def main(self, args: Any = None, prog_name: str | None = None, **how: Any) -> Any:  # type: ignore[override]
        arguments = list(sys.argv[1:] if args is None else args)
        how["standalone_mode"] = False
        with typed():
            try:
                rest = without_language(arguments)
                if language() == "zh":
                    translate(self)
                code = super().main(rest, prog_name, **how)
            except (usage.UsageError, InnerloopError) as error:
                code = refuse(error, arguments)
            except typer.Abort:
                code = 130
        raise SystemExit(code or 0)


def refuse(error: Any, arguments: list[str]) -> int:
    """Say what is wrong; the exit code."""
    if type(error).__name__ == usage.NO_COMMAND:
        tell(error.format_message())  # empty where it was shown already
        return 2
    sentence = error if isinstance(error, InnerloopError) else usage.explained(error, arguments)
    tell(str(sentence))
    if "--json" in arguments:
        emit({"error": str(sentence)})
    return sentence.exit_code


app = typer.Typer(
    name="innerloop",
    cls=Commands,
    help="Meta-learning: models that adapt to a new task from a handful of examples.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Messages follow the locale; --lang en or --lang zh anywhere overrides it.",
)

EXTRAS = {"allow_extra_args": True, "ignore_unknown_options": True}

app.command("demo")(demo)
app.add_typer(tasks, name="tasks")
app.add_typer(data, name="data")
app.command("algorithms")(algorithms)
app.command("train", context_settings=EXTRAS)(train)
app.command("evaluate", context_settings=EXTRAS)(evaluate)
app.command("compare")(compare)
app.command("history")(history)
app.command("adapt", context_settings=EXTRAS)(adapt)
app.command("predict")(predict)
app.command("chat")(chat)
app.command("watch")(watch)
app.command("map", context_settings=EXTRAS)(map_tasks)
app.command("probe", context_settings=EXTRAS)(probe)
app.command("bench")(bench)


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    if show:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """The console script `innerloop`."""
    app()


def without_language(arguments: list[str]) -> list[str]:
    """The arguments without --lang, which is obeyed wherever it stands."""
    rest = list(arguments)
    for at, argument in enumerate(rest):
        name, _, value = argument.partition("=")
        if name != "--lang":
            continue
        width = 1 if value else 2
        value = value or (rest[at + 1] if at + 1 < len(rest) else "")
        if value not in LANGUAGES:
            raise not_one_of("--lang", LANGUAGES, value)
        use_language(value)
        return rest[:at] + rest[at + width :]
    return rest
