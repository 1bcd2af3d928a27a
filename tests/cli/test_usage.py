"""What cannot be parsed is one sentence like any other error: in both languages, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from innerloop import use_language
from innerloop.cli.app import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    yield
    use_language(None)


def run(arguments: str) -> Result:
    return runner.invoke(app, arguments.split())


CASES = [
    ("evaluate", "evaluate needs RUN (A run folder); write", "evaluate 需要 RUN"),
    ("tasks list --jsn", "has no option --jsn; it has", "没有选项 --jsn；可用的有"),
    ("tasks list --jsn", "did you mean --json?", "是否想写 --json？"),
    ("trian sinusoids", "got 'trian'; did you mean train?", "收到 'trian'；是否想写 train？"),
    ("tasks lst", "got 'lst'; did you mean list?", "收到 'lst'；是否想写 list？"),
    ("tasks show linear more", "'more' is not expected here", "此处不应出现 'more'"),
    ("train linear --steps many", "--steps must be a whole number, got 'many'", "必须是整数"),
    ("train linear --steps=1.5", "--steps must be a whole number, got '1.5'", "收到 '1.5'"),
    ("train linear --lr x", "--lr must be a number, got 'x'; write --lr 0.5", "--lr 必须是数字"),
    ("train linear --steps", "--steps needs a value; write", "--steps 需要一个值"),
    ("train linear --resume=3", "--resume is a switch", "--resume 是开关"),
    ("train linear --optimiser adma", "must be one of adam, adamw, sgd, got 'adma'", "之一"),
    ("evaluate x --lang fr", "--lang must be one of en, zh, got 'fr'", "之一"),
]


@pytest.mark.parametrize(("arguments", "en", "zh"), CASES)
def test_what_cannot_be_read_is_one_sentence(arguments: str, en: str, zh: str) -> None:
    for language, sentence in (("en", en), ("zh", zh)):
        use_language(language)
        done = run(f"{arguments} --json")
        assert done.exit_code == 2
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        if not done.stdout:  # the option before --json has taken it
            assert arguments.endswith("--steps")
        else:
            assert json.loads(done.stdout) == {"error": done.stderr.strip()}


def test_help_version_and_no_command_still_work() -> None:
    assert run("--version").stdout.strip() == __import__("innerloop").__version__
    for arguments in ("--help", "-h", "train --help", "tasks list -h"):
        done = run(arguments)
        assert done.exit_code == 0
        assert "Usage" in done.stdout
    for arguments in ("", "tasks", "data"):
        assert "Usage" in run(arguments).output
