"""What a fresh user tries by mistake, command by command: one sentence each, exit 2."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from innerloop.cli import console
from innerloop.cli.app import app

runner = CliRunner()
MANY = "999999999999"
TINY = ["--steps", "2", "--meta-batch", "2", "--seed", "0"]


def run(*arguments: str | Path) -> Result:
    return runner.invoke(app, [str(a) for a in arguments])


def sentence(done: Result, code: int = 2) -> str:
    assert done.exit_code == code, done.output
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr.strip()


@pytest.fixture(scope="module")
def sine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "sine"
    done = run("train", "sinusoids", "--algorithm", "maml", *TINY, "--out", folder)
    assert done.exit_code == 0, done.output
    return folder


@pytest.mark.parametrize("option", ["--shots", "--queries", "--meta-batch"])
def test_a_batch_that_no_memory_holds_is_refused_before_it_is_made(
    option: str, tmp_path: Path
) -> None:
    given = ["--algorithm", "maml", "--out", tmp_path / "run", option, MANY]
    said = sentence(run("train", "sinusoids", *given))
    assert said.startswith("a batch may hold at most 100,000,000 rows, but ")
    assert said.endswith("lower --shots, --queries, --ways or --meta-batch.")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--shots", "--episodes"])
def test_so_is_an_evaluation_of_that_size(option: str, sine: Path) -> None:
    assert (
        "got 999999999999" in sentence(run("evaluate", sine, option, MANY, "--baselines", "none"))
        or option == "--shots"
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_a_lack_of_memory_is_one_sentence(error: Exception) -> None:
    @console.command
    def greedy() -> None:
        raise error

    with pytest.raises(console.typer.Exit) as caught:
        greedy()
    assert caught.value.exit_code == 2
    assert console.lacks_memory(error)
    assert not console.lacks_memory(RuntimeError("shape mismatch"))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("torch.nn:Linear", "Linear() failed (TypeError: "),
        ("math:pi", "a function without arguments that makes one, got float; pass"),
        ("json:dumps", "dumps() failed (TypeError"),
        ("broken_model:make", "cannot be imported (ZeroDivisionError: division by zero)"),
        (":", "cannot be imported (ValueError"),
    ],
)
def test_a_model_that_is_none(
    model: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_model.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    assert said in sentence(run("train", "linear", "--algorithm", "maml", "--model", model))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("out", ["", " "])
def test_out_must_name_a_folder(out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("train", "linear", "--algorithm", "maml", *TINY, "--out", out)
    assert "--out must name a folder" in sentence(done)
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = run("train", "linear", "--algorithm", "maml", *TINY, "--out", tmp_path / "file" / "run")
    assert "choose a folder (--out) that you may read and write" in sentence(done)
    assert (tmp_path / "file").read_text() == "mine"


def test_what_a_system_says_of_a_read_only_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refused)
    done = run("train", "linear", "--algorithm", "maml", *TINY, "--out", tmp_path / "run")
    assert "Permission denied; choose a folder" in sentence(done)


def test_baselines_that_cannot_be_kept_are_trained_once_in_memory(sine: Path) -> None:
    (sine / "baselines").write_text("in the way, as a read-only folder would be")
    done = run("evaluate", sine, "--episodes", "4", "--json")
    assert done.exit_code == 0, done.output
    assert {"fine-tuned", "fine-tuned head"} <= json.loads(done.stdout)["baselines"].keys()
    assert "kept in memory this time" in done.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--ways", "5"], "sinusoids is regression and has no classes, so --ways does not apply"),
        (["--shots", "0"], "shots must be at least 1, got 0"),
        (["--queries", "-1"], "queries must be at least 1, got -1"),
    ],
)
def test_evaluate_says_what_train_says(option: list[str], said: str, sine: Path) -> None:
    evaluated = sentence(run("evaluate", sine, *option))
    trained = sentence(run("train", "sinusoids", "--algorithm", "maml", *option))
    assert said in evaluated
    assert evaluated == trained


def test_tasks_without_classes_are_shown_without_none() -> None:
    shown = run("tasks", "show", "sinusoids").stdout
    assert "None" not in shown
    assert "every task is new" in shown
    assert "Sine waves of unlike amplitude" in shown
