"""innerloop chat RUN"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from innerloop.adapted import load
from innerloop.chat import Chat
from innerloop.chat.lines import Talk, hear
from innerloop.cli.console import AsJson, Device, command, emit, out, tell
from innerloop.errors import InputError
from innerloop.language import say

FILE = "chat.jsonl"


@command
def chat(
    run: Annotated[Path, typer.Argument(help="A run folder of sentences.")],
    file: Annotated[
        Path | None,
        typer.Option(help="What was taught; chat.jsonl in the run folder without it."),
    ] = None,
    device: Device = None,
    json: AsJson = False,
) -> None:
    """Teach intents by sentences, ask, correct: in any language, and go on another day.

    A sentence asks; /teach INTENT: sentence | sentence teaches; /help tells the rest. What was
    taught is saved after every line. Lines may come from a file: innerloop chat RUN < lines.txt

    Example: innerloop chat runs/first --file mine.jsonl
    """
    place = run / FILE if file is None else file
    trained = load(run, device=device)
    talk = Talk(Chat.of(trained, place))
    greet(talk, place)
    with suppress(KeyboardInterrupt):
        while not talk.over and (line := asked()) is not None:
            talk = heard(talk, line, place, json)
    farewell(talk, place)
    if json:
        emit(summary(talk, place))


def asked() -> str | None:
    """The next line; None when there is none."""
    typed = sys.stdin.isatty()
    try:
        line = input("> ") if typed else next(iter(sys.stdin.readline, ""))
        line.encode()  # under some locales bytes that are no text come as half a character
    except (EOFError, StopIteration):
        return None
    except UnicodeError:
        raise InputError(
            "lines must be UTF-8 text, and what came is not; save the file as UTF-8.",
            "输入行必须是 UTF-8 文本，而收到的不是；请将文件另存为 UTF-8。",
        ) from None
    return line


def heard(talk: Talk, line: str, place: Path, quiet: bool) -> Talk:
    """The talk after a line, saved where it taught; what is wrong with a line is told, and one goes on."""
    try:
        after, answer = hear(talk, line)
    except InputError as error:
        tell(str(error))
        return talk
    if after.chat.taught != talk.chat.taught:
        after.chat.save(place)
    if answer:
        (tell if quiet else lambda text: out.print(text, markup=False, soft_wrap=True))(answer)
    return after


def greet(talk: Talk, place: Path) -> None:
    count = len(talk.chat.intents)
    tell(
        say(
            f"{count} intents from {place}. A sentence asks, /help tells the rest.",
            f"来自 {place} 的 {count} 个意图。直接输入句子即提问，/帮助 查看其余。",
        )
        if count
        else say(
            "Nothing was taught yet: /teach alarm: wake me at 7 | set an alarm, and /help tells the rest.",
            "还没有教过任何意图：/教 闹钟: 七点叫我 | 设个闹钟，/帮助 查看其余。",
        )
    )


def farewell(talk: Talk, place: Path) -> None:
    if talk.checks:
        share = 100 * talk.right / talk.checks
        tell(
            say(
                f"Accuracy: {talk.right} of {talk.checks} ({share:.1f} %).",
                f"准确率：{talk.checks} 中 {talk.right} 个正确（{share:.1f} %）。",
            )
        )
    if talk.chat.taught:
        tell(say(f"Saved in {place}.", f"已保存到 {place}。"))


def summary(talk: Talk, place: Path) -> dict[str, Any]:
    return {
        "file": str(place),
        "intents": talk.chat.intents,
        "checks": talk.checks,
        "right": talk.right,
        "accuracy": talk.accuracy,
    }
