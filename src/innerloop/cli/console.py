"""What the commands share: messages on stderr, one JSON object on stdout, exit codes."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

from innerloop.errors import InnerloopError, InputError
from innerloop.language import say
from innerloop.outer.memory import lacks_memory
from innerloop.outer.ranks import is_silent
from innerloop.training.files import disk_error

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Ways = Annotated[str | None, typer.Option(metavar="N", help="Classes of a task: 5, or 2-10.")]
Shots = Annotated[
    str | None, typer.Option(metavar="K", help="Support examples per class or task: 1, or 1-5.")
]
Queries = Annotated[str | None, typer.Option(metavar="Q", help="Query examples per class or task.")]
Seed = Annotated[int, typer.Option(help="Decides the weights drawn and the episodes.")]
Device = Annotated[
    str | None, typer.Option(help="Where to compute: cpu, cuda, cuda:1, mps; cpu without it.")
]

messages = Console(stderr=True, highlight=False)
out = Console(highlight=False)

MEMORY = InputError(
    "The memory of this machine does not suffice; lower --memory, --meta-batch, --shots, --queries or "
    "--inner-steps, or take a smaller --model.",
    "本机内存不足；请减小 --memory、--meta-batch、--shots、--queries 或 --inner-steps，或换用更小的 --model。",
)


def tell(text: str) -> None:
    """A line for the user, on stderr; of several ranks the first one speaks."""
    if is_silent():
        return
    messages.print(text, soft_wrap=True, markup=False)


def emit(result: dict[str, Any]) -> None:
    """The one JSON object of a command, on stdout."""
    if is_silent():
        return
    print(json.dumps(finite(result), ensure_ascii=False, allow_nan=False, default=str))


def finite(value: Any) -> Any:
    """The same with null for numbers that JSON does not know (NaN, infinities)."""
    if isinstance(value, dict):
        return {name: finite(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command end as promised: errors are one sentence, exit 0, 1 (ours) or 2 (the user's)."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        as_json = bool(options.get("json"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("default", UserWarning)
                warnings.showwarning = lambda text, *_, **__: tell(str(text))
                return function(*args, **options)
        except InnerloopError as error:
            fail(str(error), error.exit_code, as_json)
        except KeyboardInterrupt:
            fail(say("Interrupted.", "已中断。"), 130, as_json)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get("INNERLOOP_DEBUG"):
                raise
            if lacks_memory(error):
                fail(str(MEMORY), MEMORY.exit_code, as_json)
            if isinstance(error, OSError):
                told = disk_error(error)
                fail(str(told), told.exit_code, as_json)
            fail(
                say(
                    f"This is our fault, not yours: {type(error).__name__}: {error}. "
                    "Run again with INNERLOOP_DEBUG=1 for the whole story.",
                    f"这是我们的错误：{type(error).__name__}: {error}。"
                    "设置 INNERLOOP_DEBUG=1 后重新运行可查看完整信息。",
                ),
                1,
                as_json,
            )

    return run


def fail(sentence: str, code: int, as_json: bool = False) -> None:
    tell(sentence)
    if as_json:
        emit({"error": sentence})
    raise typer.Exit(code)
