"""The commands by name."""

from __future__ import annotations

import sys

import typer

from innerloop import __version__
from innerloop.cli.compare import compare
from innerloop.cli.data import app as data
from innerloop.cli.demo import demo
from innerloop.cli.evaluate import evaluate
from innerloop.cli.history import history
from innerloop.cli.tasks import algorithms
from innerloop.cli.tasks import app as tasks
from innerloop.cli.train import train
from innerloop.errors import InputError, not_one_of
from innerloop.language import LANGUAGES, use_language

app = typer.Typer(
    name="innerloop",
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


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Show the version.")) -> None:
    if show:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """The console script `innerloop`."""
    try:
        sys.argv[1:] = without_language(sys.argv[1:])
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
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
