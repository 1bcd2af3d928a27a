"""From a folder, a table or arrays to an adapted task's file, and from there to answers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

import innerloop as il
from innerloop.cli.app import app

runner = CliRunner()


def run(*arguments: str | Path) -> Result:
    return runner.invoke(app, [str(a) for a in arguments])


def result(*arguments: str | Path) -> dict:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.strip().splitlines()
    return json.loads(line)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, drawings in class folders, a table and arrays."""
    root = tmp_path_factory.mktemp("use")
    quick = {"steps": 2, "meta_batch": 2, "validation_episodes": 2, "progress": False}
    characters = il.protonet(il.models.mlp(784, None, hidden=8))
    il.train(characters, il.tasks.digits(), out=root / "digits", **quick)
    numbers = il.maml(il.models.mlp(1, 1, hidden=8), inner_lr=0.01, inner_steps=2)
    il.train(numbers, il.tasks.sinusoids(), out=root / "sines", **quick)
    for name, row in (("bar", slice(12, 16)), ("foot", slice(22, 26))):
        folder = root / "letters" / name
        folder.mkdir(parents=True)
        for shade in (0, 40):
            paper = np.full((28, 28), 250, np.uint8)
            paper[row] = shade
            Image.fromarray(paper).save(folder / f"{shade}.png")
    x = np.linspace(-3, 3, 8)[:, None]
    np.savez(root / "arrays.npz", x=x, y=np.sin(x))
    lines = [
        "t,amount",
        *(f"{a:.3f},{b:.3f}" for a, b in zip(x[:, 0], np.sin(x[:, 0]), strict=True)),
    ]
    (root / "table.csv").write_text("\n".join(lines) + "\n")
    return root


def test_a_folder_of_drawings_is_learnt_and_answered(place: Path) -> None:
    out = place / "letters.task"
    found = result("adapt", place / "digits", "--support", place / "letters", "--out", out)
    assert (found["examples"], found["classes"]) == (4, ["bar", "foot"])
    assert 0 < found["milliseconds"] < 10_000
    assert found["bytes"] == out.stat().st_size
    answers = result("predict", out, place / "letters")
    assert answers["predictions"] == ["bar", "bar", "foot", "foot"]
    assert np.allclose(np.sum(answers["probabilities"], 1), 1, atol=1e-5)
    shown = run("predict", out, place / "letters" / "bar" / "0.png")
    assert shown.exit_code == 0
    assert "bar" in shown.stdout
    csv_file = place / "answers.csv"
    assert run("predict", out, place / "letters", "--out", csv_file).exit_code == 0
    rows = list(csv.DictReader(csv_file.open()))
    assert [row["prediction"] for row in rows] == answers["predictions"]
    assert set(rows[0]) == {"input", "prediction", "p(bar)", "p(foot)"}


def test_chalk_on_a_board_reads_like_ink_on_paper(place: Path) -> None:
    board = Image.fromarray(255 - np.asarray(Image.open(place / "letters" / "bar" / "0.png")))
    run_ = il.load(place / "digits")
    both = run_.inputs.x([board, place / "letters" / "bar" / "0.png"])
    assert both.shape == (2, 1, 28, 28)
    assert torch.allclose(both[0], both[1], atol=0.03)
    assert both[0, 0, 14].min() > 0.9
    wide = run_.inputs.x([board.resize((56, 28)), board.convert("RGBA")])
    assert wide[0, 0, 0].max() < 0.1


@pytest.mark.parametrize("support", ["arrays.npz", "table.csv"])
def test_numbers_are_learnt_from_arrays_or_a_table(place: Path, support: str) -> None:
    out = place / f"{support}.task"
    given = () if support.endswith("npz") else ("--target", "amount")
    result("adapt", place / "sines", "--support", place / support, "--out", out, *given)
    np.save(place / "x.npy", np.linspace(-3, 3, 8)[:, None])
    found = result("predict", out, place / "x.npy")
    assert found.keys() == {"inputs", "mean", "familiar_p", "coverage"}
    task = il.load_adapted(out)
    assert np.allclose(np.ravel(found["mean"]), np.ravel(task.predict(np.load(place / "x.npy"))))


def test_settings_of_the_algorithm_and_a_standalone_file(place: Path) -> None:
    out = place / "alone.task"
    found = result(
        *("adapt", place / "sines", "--support", place / "arrays.npz", "--out", out),
        *("--inner-steps", "5", "--standalone", "--keep-support"),
    )
    assert found["standalone"] is True
    loaded = il.load_adapted(out)
    assert loaded.learner.spec.settings["inner_steps"] == 5
    assert len(loaded.support.y) == 8


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("adapt nowhere --support letters --out t", "is not a run folder"),
        ("adapt digits --support nowhere --out t", "there is no file or folder 'nowhere'"),
        ("adapt digits --support digits --out t", "holds no class folders with images"),
        ("adapt digits --support digits/settings.json --out t", "is nothing that can be read here"),
        ("adapt sines --support letters --out t", "is for classification"),
        ("adapt sines --support table.csv --out t", "which column of 'table.csv' holds"),
        ("adapt sines --support table.csv --target amont --out t", "did you mean amount?"),
        ("adapt sines --support bad.npz --out t", "cannot be read as arrays"),
        ("adapt sines --support x.npz --out t", "must hold an array 'y', it has x"),
        ("adapt digits --support broken --out t", "cannot be read as an image"),
        ("adapt digits --support letters --out table.csv", "choose another --out"),
        (
            "adapt digits --support letters --out t --inner-lr 1",
            "protonet has no option --inner-lr",
        ),
        ("adapt digits --support letters --out t --orders 0", "orders must be a whole number"),
        ("predict table.csv x.npz", "is damaged or not a file of innerloop"),
        ("predict nowhere x.npz", "there is no file 'nowhere'"),
        ("predict good digits", "holds no images"),
        ("predict good missing.png", "there is no file 'missing.png'"),
        ("predict good table.txt", "'table.txt' is not there"),
        ("predict good x.npz", "shaped like the support set's"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    place: Path, arguments: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    Path("bad.npz").write_bytes(b"PK no")
    np.savez("x.npz", x=np.zeros((2, 1)))
    Path("broken/a").mkdir(parents=True, exist_ok=True)
    Path("broken/a/a.png").write_bytes(b"\x89PNG")
    if not Path("good").exists():
        assert run("adapt", "digits", "--support", "letters", "--out", "good").exit_code == 0
    done = run(*arguments.split())
    assert done.exit_code == 2, done.output
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not Path("t").exists()


def test_a_table_s_own_columns_and_unit_and_a_folder_of_photographs(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    lines = ["shop,size,kind,sold"]
    for shop in range(12):
        lines += [
            f"s{shop},{rng.normal():.3f},{rng.choice(['a', ''])},{rng.normal(500):.2f}"
            for _ in range(8)
        ]
    (tmp_path / "shops.csv").write_text("\n".join(lines) + "\n")
    quick = {"steps": 2, "validation_episodes": 2, "progress": False}
    tasks = il.tasks.table(tmp_path / "shops.csv", task="shop", target="sold", shots=4, queries=3)
    ridge = il.ridge(il.models.mlp(tasks.input_shape[0], None, hidden=4))
    il.train(ridge, tasks, out=tmp_path / "run", **quick)
    (tmp_path / "new.csv").write_text("\n".join(lines[:5]) + "\n")
    out = tmp_path / "new.task"
    result("adapt", tmp_path / "run", "--support", tmp_path / "new.csv", "--out", out)
    found = result("predict", out, tmp_path / "new.csv")
    assert len(found["mean"]) == 4
    assert all(490 < mean < 510 for mean in np.ravel(found["mean"]))

    for colour in range(9):
        folder = tmp_path / "pictures" / f"c{colour}"
        folder.mkdir(parents=True)
        for n in range(6):
            pixels = rng.normal(colour * 28, 9, (20 + n, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{n}.png")
    tasks = il.tasks.images(tmp_path / "pictures", ways=2, shots=1, queries=2)
    size = tasks.input_shape[-1]
    model = il.models.conv4(channels=tasks.input_shape[0], size=size, width=4)
    few = {"ways": 2, "shots": 1, "queries": 2}
    il.train(il.protonet(model), tasks, out=tmp_path / "photos", **quick, **few)
    out = tmp_path / "photos.task"
    result("adapt", tmp_path / "photos", "--support", tmp_path / "pictures", "--out", out)
    found = result("predict", out, tmp_path / "pictures" / "c0", tmp_path / "pictures" / "c8")
    assert found["predictions"][0] in ("c0", "c1")
    assert found["predictions"][-1] in ("c7", "c8")


def test_an_answer_that_is_not_sure_is_left_out(place: Path) -> None:
    out = place / "unsure.task"
    result("adapt", place / "digits", "--support", place / "letters", "--out", out)
    sure, unsure = (
        result("predict", out, place / "letters", "--abstain", least) for least in ("0.01", "1")
    )
    assert set(sure["predictions"]) <= {"bar", "foot"}
    assert unsure["probabilities"] == sure["probabilities"]
    certain = [max(row) >= 1 for row in unsure["probabilities"]]
    assert [answer is not None for answer in unsure["predictions"]] == certain
    refused = run("predict", out, place / "letters", "--abstain", "2")
    assert refused.exit_code == 2
    assert "--abstain is a probability between 0 and 1, got 2.0" in refused.stderr


def test_evaluate_draws_how_reliable_it_is_and_ranks_all_classes(place: Path) -> None:
    how = ("--episodes", "10", "--baselines", "none")
    picture = place / "reliability.png"
    found = result("evaluate", place / "digits", *how, "--calibrate", picture, "--rank")
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
        assert len(drawn.convert("RGB").getcolors(1 << 20)) > 50  # curves, not an empty page
    assert 0.01 <= found["temperature"] <= 100
    assert {"ece_before", "ece_calibrated", "reliability"} <= set(found)
    ranked = found["ranking"]
    assert ranked["ways"] > 5
    assert ranked["top1"]["mean"] <= ranked["top5"]["mean"]
    said = run("evaluate", place / "digits", *how, "--rank")
    assert f"Among all {ranked['ways']} classes of the split" in said.stdout


def test_a_picture_that_cannot_be_written_is_one_sentence(place: Path) -> None:
    there = place / "nowhere" / "reliability.png"
    how = ("--episodes", "2", "--baselines", "none", "--calibrate", there)
    refused = run("evaluate", place / "digits", *how)
    assert refused.exit_code == 2
    assert "the reliability diagram cannot be written to" in refused.stderr


def test_numbers_are_not_ranked(place: Path) -> None:
    refused = run("evaluate", place / "sines", "--episodes", "2", "--baselines", "none", "--rank")
    assert refused.exit_code == 2
    assert "ranks are among all classes of a split" in refused.stderr
