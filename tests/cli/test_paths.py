"""The user's own data from the command line: checked, trained on, judged."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from innerloop.cli.app import app

sys.path.insert(0, str(Path(__file__).parents[1] / "tasks"))
from picture_cases import folder, many

TINY = ["--algorithm", "protonet", "--steps", "2", "--model", "mlp", "--seed", "0"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def result(*arguments: object) -> dict:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder(tmp_path / "my photos", many(12))


def test_a_folder_is_checked_trained_on_and_judged(photos: Path) -> None:
    facts = result("tasks", "check", photos, "--size", "8", "--ways", "2-3")
    assert (facts["classes"], facts["images"], facts["ready"]) == (12, 72, True)
    assert facts["next"] == f"innerloop train '{photos}' --size 8 --ways 2-3"
    found = result("train", photos, "--size", "8", "--ways", "2-3", *TINY)
    assert found["run"] == str(Path("runs") / "my photos-protonet")
    judged = result("evaluate", found["run"], "--episodes", "6", "--baselines", "none")
    assert (judged["ways"], judged["queries"]) == ([2, 3], [1, 15])
    other = folder(Path("other"), many(5, prefix="d"), mode="L")
    given = ["--episodes", "6", "--baselines", "none", "--on", other, "--ways", "4"]
    assert result("evaluate", found["run"], *given)["ways"] == 4


def test_check_that_finds_too_little_says_so_and_exits_2(photos: Path) -> None:
    done = run("tasks", "check", photos, "--ways", "9")
    assert done.exit_code == 2
    assert "9-way tasks need at least 18 classes" in done.stdout
    assert "next:" not in done.stdout
    assert not Path("runs").exists()


WRONG = [
    ("./nowhere", [], "there is no file or folder './nowhere'; check the path"),
    ("nowhere", [], "or the path of a folder of images or of a table, got 'nowhere'"),
    ("picture.png", [], "give the folder that its classes are in"),
    ("my photos", ["--siz", "8"], "did you mean --size?"),
    ("my photos", ["--ways", "3-2"], "--ways must be a whole number or a range, got '3-2'"),
    ("my photos", ["--size", "big"], "--size must be a whole number, got 'big'"),
    ("my photos", ["--splits", "no.csv"], "there is no file 'no.csv'"),
    ("images", [], "got 'images'"),
]


@pytest.mark.parametrize("command", [["train", *TINY], ["tasks", "check"]], ids=["train", "check"])
@pytest.mark.parametrize(("path", "options", "sentence"), WRONG)
def test_what_is_wrong_is_one_sentence_and_exit_2(
    photos: Path, command: list[str], path: str, options: list[str], sentence: str
) -> None:
    (photos.parent / "picture.png").write_bytes((photos / "c00" / "000.png").read_bytes())
    first, *rest = command
    words = [first, path, *rest] if first == "train" else [*command, path]
    done = run(*words, *options)
    assert done.exit_code == 2, done.output
    assert sentence in " ".join(done.output.split())
    assert not Path("runs").exists()


def test_a_function_is_named_by_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_waves.py").write_text(
        "import numpy as np\n\n\ndef wave(rng):\n    x = rng.uniform(-1, 1, (20, 1))\n"
        "    return x, rng.normal() * x\n"
    )
    given = ["--algorithm", "maml", "--steps", "2", "--meta-batch", "2"]
    found = result("train", "own_waves:wave", *given, "--shots", "3")
    assert found["run"] == os.path.join("runs", "wave-maml")
    judged = result("evaluate", found["run"], "--episodes", "5", "--baselines", "none")
    assert (judged["metric"], judged["shots"]) == ("mse", 3)
