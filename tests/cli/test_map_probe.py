"""`innerloop map` and `innerloop probe`, and the trust that adapt and predict speak of."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import innerloop as il
from innerloop import structure
from innerloop.cli.app import app
from innerloop.report.map_page import page, placed, script_safe
from innerloop.structure import TaskMap

runner = CliRunner()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure.calibration, "TASKS", 40)
    monkeypatch.setattr(structure.calibration, "FEW", 25)


def run(*arguments: str | Path) -> Result:
    return runner.invoke(app, [str(a) for a in arguments])


def result(*arguments: str | Path) -> dict:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.strip().splitlines()
    return json.loads(line)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("map")
    quick = {"steps": 2, "meta_batch": 2, "validation_episodes": 2, "progress": False}
    il.train(
        il.protonet(il.models.mlp(784, None, hidden=8)),
        il.tasks.digits(),
        out=root / "digits",
        **quick,
    )
    il.train(il.ridge(strength=0.01), il.tasks.linear(), out=root / "lines", **quick)
    il.train(il.maml(il.models.mlp(1, 1, hidden=8)), il.tasks.linear(), out=root / "maml", **quick)
    x = np.linspace(-3, 3, 8)[:, None]
    np.savez(root / "line.npz", x=x, y=2 * x)
    np.savez(root / "wild.npz", x=x, y=30 * np.cos(9 * x))
    for name, row in (("bar", slice(12, 16)), ("foot", slice(22, 26))):
        (root / "letters" / name).mkdir(parents=True)
        for shade in (0, 40):
            paper = np.full((28, 28), 250, np.uint8)
            paper[row] = shade
            Image.fromarray(paper).save(root / "letters" / name / f"{shade}.png")
    return root


def test_a_map_is_a_picture_and_a_page(place: Path, tmp_path: Path) -> None:
    found = result("map", place / "lines", "--episodes", "12", "--out", tmp_path)
    assert len(found["tasks"]) == 12
    assert found["tasks"][3]["name"] == "linear/test task 3"
    assert found["agreement"] is None
    assert Image.open(found["picture"]).size[0] > 500
    text = Path(found["page"]).read_text()
    assert text.count("<circle") == 12
    assert "linear/test task 3" in text
    assert not re.search(r"(src|href|url)\s*[=(]", text)  # it asks nobody for anything
    assert "http" not in text


def test_a_map_lies_in_the_run_where_nothing_is_said(place: Path) -> None:
    done = run("map", place / "lines", "--episodes", "5", "--groups", "2")
    assert done.exit_code == 0, done.output
    assert "5 tasks of linear/test" in done.stdout
    assert (place / "lines" / "map" / "map.html").is_file()


def test_other_tasks_are_mapped_and_held_against_their_families(
    place: Path, tmp_path: Path
) -> None:
    quick = {"steps": 1, "meta_batch": 2, "validation_episodes": 2, "progress": False}
    il.train(il.ridge(), il.tasks.mixture(), out=tmp_path / "six", **quick)
    found = result("map", tmp_path / "six", "--episodes", "30", "--seeds", "2")
    names = found["agreement"]["adjusted_rand"]
    assert {"ridge features", "labels' mean and variance"} <= names.keys()
    assert found["agreement"]["verdict"]
    done = run("probe", tmp_path / "six", "--episodes", "30")
    assert "family " in done.stdout


def test_names_cannot_break_out_of_the_page() -> None:
    bad = "</script><b>&"
    found = TaskMap(
        bad,
        "s",
        0,
        (bad,) * 3,
        torch.eye(3)[:, :2],
        torch.tensor([[1], [0], [1]]),
        torch.zeros(3).long(),
    )
    text = page(found)
    assert text.count("</script>") == 1
    assert "<b>" not in text
    assert json.loads(script_safe([bad])) == [bad]
    x, y = zip(*placed(found), strict=True)
    assert 0 < min(x + y) < max(x + y) < 720


def test_a_probe_tells_whether_labels_are_used(place: Path) -> None:
    found = result("probe", place / "lines", "--episodes", "20", "--shots", "5")
    assert found["uses_labels"] is True
    assert found["shots"]["at"] == [1, 2, 5, 10]
    done = run("probe", place / "digits", "--episodes", "5", "--ways", "3")
    assert done.exit_code == 0, done.output
    assert "one class seen, answered with it" in done.stdout
    assert "100.0" in done.stdout


def test_settings_of_the_learner_can_be_changed_for_a_probe(place: Path) -> None:
    still = result("probe", place / "maml", "--episodes", "10", "--inner-steps", "0")
    assert still["uses_labels"] is False
    done = run("probe", place / "maml", "--inner-step", "1")
    assert done.exit_code == 2
    assert "did you mean --inner-steps?" in done.output


def test_too_few_tasks_for_a_map_are_a_sentence(place: Path) -> None:
    done = run("map", place / "lines", "--episodes", "2")
    assert done.exit_code == 2
    assert "a map needs at least 3 tasks, got 2" in done.output


def test_adapt_says_whether_a_task_is_familiar(place: Path, tmp_path: Path) -> None:
    usual = result(
        "adapt", place / "lines", "--support", place / "line.npz", "--out", tmp_path / "a"
    )
    assert usual["familiar_p"] > 0.05
    wild = run("adapt", place / "lines", "--support", place / "wild.npz", "--out", tmp_path / "b")
    assert wild.exit_code == 0
    assert "unlike those of meta-training (p = 0.0" in wild.output
    answers = run("predict", tmp_path / "b", place / "wild.npz")
    assert "unlike those of meta-training" in answers.output
    plain = result(
        *("adapt", place / "lines", "--support", place / "line.npz", "--out", tmp_path / "c"),
        "--no-calibrate",
    )
    assert plain["familiar_p"] is None


def test_numbers_have_an_interval(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "line.task"
    result(
        "adapt",
        place / "lines",
        "--support",
        place / "line.npz",
        "--out",
        file,
        "--coverage",
        "0.9",
    )
    found = result("predict", file, place / "line.npz")
    assert found["coverage"] == 0.9
    for [mean], [[low, high]] in zip(found["mean"], found["interval"], strict=True):
        assert low < mean < high
    narrow = result("predict", file, place / "line.npz", "--coverage", "0.5")
    assert narrow["interval"][0][0][0] > found["interval"][0][0][0]
    shown = run("predict", file, place / "line.npz")
    assert " .. " in shown.stdout
    assert run("predict", file, place / "line.npz", "--out", tmp_path / "a.csv").exit_code == 0
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert (
        float(rows[0]["low prediction"])
        < float(rows[0]["prediction"])
        < float(rows[0]["high prediction"])
    )


def test_classes_have_sets(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "letters.task"
    result("adapt", place / "digits", "--support", place / "letters", "--out", file)
    found = result("predict", file, place / "letters", "--coverage", "0.95")
    assert len(found["sets"]) == 4
    assert {label for row in found["sets"] for label in row} <= {"bar", "foot"}
    assert "sets" not in result("predict", file, place / "letters")
    assert run("predict", file, place / "letters", "--coverage", "0.9").exit_code == 0
    assert (
        run(
            "predict", file, place / "letters", "--coverage", "0.9", "--out", tmp_path / "a.csv"
        ).exit_code
        == 0
    )
    assert "may be" in (tmp_path / "a.csv").read_text().splitlines()[0]


def test_a_coverage_that_cannot_be_had_is_refused_and_one_that_is_none(
    place: Path, tmp_path: Path
) -> None:
    how = ("adapt", place / "lines", "--support", place / "line.npz", "--out", tmp_path / "a")
    done = run(*how, "--coverage", "0.999")
    assert done.exit_code == 2
    assert "coverage can be at most" in done.output
    done = run(*how, "--coverage", "90")
    assert done.exit_code == 2
    assert "must lie between 0 and 1, got 90" in done.output
