"""The help speaks Chinese where the user does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from innerloop import use_language
from innerloop.cli.app import app
from innerloop.cli.chinese import in_chinese


def texts(command: Any) -> Iterator[str]:
    yield from (command.help or "").split("\n\n")
    yield from (p.help for p in command.params if getattr(p, "help", None))
    for below in getattr(command, "commands", {}).values():
        yield from texts(below)


def test_every_help_text_has_its_chinese() -> None:
    missing = sorted({text for text in texts(get_command(app)) if in_chinese(text) == text})
    assert missing == [], "add these to CHINESE in cli/chinese.py"


def test_help_follows_the_language() -> None:
    try:
        zh = CliRunner().invoke(app, ["train", "--help", "--lang", "zh"])
    finally:
        use_language(None)
    en = CliRunner().invoke(app, ["train", "--help"])
    assert (zh.exit_code, en.exit_code) == (0, 0)
    assert "外层步数。" in zh.stdout
    assert "选项" in zh.stdout
    assert "示例：innerloop train" in "".join(zh.stdout.split("\n")[:20])
    assert "Outer steps." in en.stdout
