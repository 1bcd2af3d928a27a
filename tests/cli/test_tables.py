"""A table from the command line: checked, trained on, judged in the target's own unit, and what is
wrong with it in one sentence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from innerloop.cli.app import app

TINY = ["--steps", "3", "--meta-batch", "2", "--algorithm", "maml"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def result(*arguments: object) -> dict:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 patients of unequal length; the score is 300 and more, so its unit shows."""
    random = np.random.default_rng(0)
    lengths = random.integers(8, 14, 24)
    patient = np.repeat([f"p{n}" for n in range(24)], lengths)
    level = np.repeat(random.normal(0, 30, 24), lengths)
    age = random.normal(60, 9, len(patient))
    noise = random.normal(0, 1, len(patient))
    frame = pd.DataFrame(
        {
            "patient": patient,
            "age": np.where(random.random(len(patient)) < 0.1, np.nan, age),
            "dose": random.choice(["low", "high"], len(patient)),
            "score": 300 + level + age + noise,
            "pain": (age + 5 * noise > 55).astype(int),
            "cough": (noise > 0.8).astype(int),
        }
    )
    path = tmp_path_factory.mktemp("tables") / "visits.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_table_is_checked_before_any_training(visits: Path) -> None:
    how = ["--task", "patient", "--target", "score", "--drop", "pain,cough"]
    facts = result("tasks", "check", visits, *how)
    assert (facts["kind"], facts["tasks"]) == ("regression", 24)
    assert facts["features"] == {"age": "number, sometimes missing", "dose": "category of 2"}
    assert "the target is a number" in facts["guessed"][0]
    assert "guessed: the kind is regression" in run("tasks", "check", visits, *how).output


def test_train_and_evaluate_in_the_target_s_own_unit(visits: Path, tmp_path: Path) -> None:
    how = ["--task", "patient", "--target", "score", "--drop", "pain,cough", "--shots", "3"]
    out = tmp_path / "run"
    assert result("train", visits, *how, *TINY, "--out", out)["steps"] == 3
    found = result("evaluate", out, "--episodes", "20", "--baselines", "none")
    assert (found["metric"], found["unit"]) == ("mse", "score")
    assert 10 < found["mean"] < 10_000  # standardised it would be about 1
    assert found["tasks"] < 20
    assert set(found["metrics"]) == {"mae", "r2"}
    shown = run("evaluate", out, "--episodes", "20", "--baselines", "none", "--metrics").output
    assert "in score squared" in shown
    assert "mean absolute error" in shown


def test_classes_and_labels_from_the_command_line(visits: Path, tmp_path: Path) -> None:
    classes = ["--task", "patient", "--target", "pain", "--drop", "score,cough", "--shots", "1"]
    labels = ["--task", "patient", "--target", "pain,cough", "--drop", "score", "--shots", "3"]
    for name, how, metrics in (
        ("classes", classes, {"balanced_accuracy", "macro_f1", "auroc"}),
        ("labels", labels, {"balanced_accuracy", "macro_f1", "auroc", "exact"}),
    ):
        result("train", visits, *how, *TINY, "--out", tmp_path / name)
        found = result("evaluate", tmp_path / name, "--episodes", "10", "--baselines", "none")
        assert found["metric"] == "accuracy"
        assert set(found["metrics"]) == metrics


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a table needs --task"),
        (["--task", "patient"], "--target"),
        (["--task", "patiant", "--target", "score"], "did you mean patient?"),
        (["--task", "patient", "--target", "dose", "--kind", "regression"], "no finite number"),
        (["--task", "patient", "--target", "score", "--shots", "90"], "lower --shots"),
    ],
)
def test_what_is_wrong_ends_with_2(visits: Path, arguments: list[str], sentence: str) -> None:
    for command in (["tasks", "check"], ["train"]):
        done = run(*command, visits, *arguments)
        assert done.exit_code == 2
        assert sentence in done.output.replace("\n", " ")
        assert "Traceback" not in done.output


def test_without_pandas_the_extra_is_named(visits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    done = run("tasks", "check", visits, "--task", "patient", "--target", "score")
    assert done.exit_code == 2
    assert "pip install 'innerloop[table]'" in done.output
