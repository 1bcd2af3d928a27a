"""The commands as a user types them: results on stdout, one sentence and an exit code on errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from innerloop import use_language
from innerloop.cli.app import app, without_language

runner = CliRunner()
TINY = ["--steps", "4", "--meta-batch", "2", "--seed", "0"]


def run(*arguments: str | Path) -> Result:
    return runner.invoke(app, [str(a) for a in arguments])


def result(*arguments: str | Path) -> dict:
    """The one JSON object on stdout."""
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


@pytest.fixture(scope="module")
def sine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "sine"
    done = run("train", "sinusoids", "--algorithm", "maml", *TINY, "--out", folder)
    assert done.exit_code == 0, done.output
    return folder


def test_train_reports_the_keys_that_scripts_read(tmp_path: Path) -> None:
    found = result(
        *("train", "sinusoids", "--algorithm", "maml", "--shots", "10", *TINY),
        *("--inner-steps", "2", "--out", tmp_path / "run"),
    )
    assert found.keys() >= {"run", "verdict", "steps", "seconds", "tasks_per_second", "path"}
    assert (found["verdict"], found["steps"]) == ("out_of_steps", 4)
    assert found["path"] in ("explicit", "vmap")  # without a compiler
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["settings"]["inner_steps"] == 2


def test_evaluate_reports_figure_interval_and_baselines(sine: Path) -> None:
    found = result("evaluate", sine, "--shots", "5", "--episodes", "20", "--inner-steps", "3")
    assert found["metric"] == "mse"
    assert (found["episodes"], found["shots"], found["transductive"]) == (20, 5, False)
    assert {"from scratch", "fine-tuned", "nearest neighbour"} <= found["baselines"].keys()
    assert all(row.keys() >= {"mean", "ci95"} for row in found["baselines"].values())
    assert (sine / "baselines" / "finetune" / "meta.safetensors").is_file()


def test_evaluate_without_baselines_prints_one_line(sine: Path) -> None:
    done = run("evaluate", sine, "--episodes", "10", "--baselines", "none")
    assert done.exit_code == 0
    assert len(done.stdout.strip().splitlines()) == 1
    assert "±" in done.stdout


def test_compare_is_paired_and_names_each_run(sine: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert run("train", "sinusoids", "--algorithm", "anil", *TINY, "--out", other).exit_code == 0
    found = result("compare", sine, other, "--episodes", "20")
    assert found["scores"].keys() == {str(sine), str(other)}
    assert len(found["differences"]) == 1


def test_resume_needs_the_same_settings(sine: Path) -> None:
    done = run("train", "sinusoids", "--algorithm", "maml", *TINY, "--out", sine, "--resume")
    assert done.exit_code == 0
    done = run("train", "sinusoids", "--algorithm", "anil", *TINY, "--out", sine, "--resume")
    assert done.exit_code == 2


def test_history_is_told_line_by_line(sine: Path) -> None:
    rows = result("history", sine)["history"]
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert "validation" in run("history", sine, "--lines", "2").stdout
    assert run("history", sine / "nowhere").exit_code == 2


def test_tasks_and_algorithms_are_listed() -> None:
    assert "sinusoids" in result("tasks", "list")["tasks"]
    assert result("tasks", "show", "sinusoids")["kind"] == "regression"
    assert "maml" in result("algorithms")["algorithms"]
    assert "--inner-lr (0.01)" in result("algorithms", "maml")["options"]
    assert "arXiv:1703.03400" in run("tasks", "list").stdout.replace("\n", "")


def test_data_is_listed_with_its_root() -> None:
    found = result("data", "list")
    assert found["data"][0]["name"] == "omniglot"


@pytest.mark.parametrize("command", ["demo", "train", "evaluate", "compare", "algorithms"])
def test_help_ends_with_an_example(command: str) -> None:
    assert f"Example: innerloop {command}" in " ".join(run(command, "--help").stdout.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("train sinusoid", "did you mean sinusoids?"),
        ("train sinusoids --algorithm mamll", "did you mean maml?"),
        ("train sinusoids --algorithm maml --innerlr 1", "did you mean --inner-lr?"),
        (
            "train sinusoids --algorithm maml --inner-lr x",
            "--inner-lr must be a number, got 'x'; write",
        ),
        ("train sinusoids --algorithm maml --inner-lr", "--inner-lr needs a value"),
        ("train sinusoids --algorithm maml --inner-steps 1.5", "must be a whole number, got '1.5'"),
        ("train sinusoids --algorithm maml --through x", "unrolled, first_order, truncated(N)"),
        ("train sinusoids --algorithm maml stray", "'stray' is not expected here"),
        ("train sinusoids --algorithm maml --ways 5", "--ways does not apply"),
        ("train sinusoids --algorithm maml --shots 0", "shots must be at least 1, got 0"),
        ("train sinusoids --algorithm maml --steps -1", "steps must be at least 0, got -1"),
        ("train sinusoids --algorithm maml --workers 0", "workers must be at least 1, got 0"),
        (
            "train sinusoids --algorithm maml --memory 4",
            "memory is a number of MB, GB or TB, got '4'",
        ),
        ("train sinusoids --algorithm maml --model nope", "--model must be one of mlp"),
        ("train sinusoids --algorithm maml --model conv4", "takes images"),
        ("train sinusoids --algorithm maml --model no.such:thing", "cannot be imported"),
        ("train sinusoids --algorithm protonet --steps 1", "protonet tells classes apart"),
        ("evaluate nowhere", "is not a run folder"),
        ("compare nowhere", "at least two runs"),
        ("data verify mnist", "must be one of omniglot"),
        ("algorithms mamll", "did you mean maml?"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    arguments: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments.split())
    assert done.exit_code == 2, done.output
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.output
    assert not list(tmp_path.rglob("*.safetensors"))


def test_an_error_with_json_is_an_object_too() -> None:
    done = run("evaluate", "nowhere", "--json")
    assert done.exit_code == 2
    assert "is not a run folder" in json.loads(done.stdout)["error"]


def test_a_missing_option_value_is_the_users() -> None:
    assert run("train", "sinusoids", "--steps", "many").exit_code == 2


@pytest.mark.parametrize("where", [0, 1, 2])
@pytest.mark.parametrize("spelling", [["--lang", "zh"], ["--lang=zh"]])
def test_language_is_obeyed_wherever_it_stands(where: int, spelling: list[str]) -> None:
    arguments = ["tasks", "list"]
    try:
        assert without_language(arguments[:where] + spelling + arguments[where:]) == arguments
        assert "不是运行文件夹" in run("evaluate", "nowhere").stderr
    finally:
        use_language(None)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "state" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = run("train", "sinusoids", "--algorithm", "protonet", *TINY, "--out", tmp_path / "mine")
    assert done.exit_code == 2
    assert "a run needs a folder of its own" in done.stderr
    assert mine.read_text() == "mine"


def test_numbers_that_json_does_not_know_are_null(sine: Path) -> None:
    found = result("evaluate", sine, "--episodes", "1", "--baselines", "none")
    assert found["ci95"] is None


def test_a_run_that_only_met_bad_tasks_says_so_and_exits_2(tmp_path: Path) -> None:
    given = ["--inner-lr", "1e30", "--steps", "3", "--meta-batch", "2", "--inner-steps", "3"]
    out = tmp_path / "run"
    done = run("train", "sinusoids", "--algorithm", "maml", *given, "--out", out, "--json")
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert found["verdict"] == "diverged"
    assert "lower inner_lr" in found["diagnosis"]
    assert "Next" not in done.stderr


def test_tasks_of_another_kind_are_refused(sine: Path) -> None:
    done = run("evaluate", sine, "--on", "digits", "--baselines", "none")
    assert done.exit_code == 2
    assert "choose a family like sinusoids" in done.stderr
    assert run("evaluate", sine, "--episodes", "0").exit_code == 2


def test_a_damaged_run_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")
    done = run("evaluate", tmp_path)
    assert done.exit_code == 2
    assert "settings.json" in done.stderr


@pytest.mark.parametrize("rate", ["-1", "nan", "inf"])
def test_a_rate_must_make_sense(rate: str, tmp_path: Path) -> None:
    given = ["--inner-lr", rate, "--out", tmp_path / "run"]
    done = run("train", "sinusoids", "--algorithm", "maml", *TINY, *given)
    assert done.exit_code == 2
    assert "inner_lr must be a finite number" in done.stderr
