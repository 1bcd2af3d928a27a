"""Ten jobs as a new user would do them, from raw data to answers, each held against chance or
against itself. What a single part promises is tested beside that part."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from typer.testing import CliRunner

import innerloop as il
from innerloop.cli.app import app
from innerloop.export import onnx
from innerloop.sklearn import FewShotClassifier

os.environ.setdefault("KERAS_BACKEND", "torch")
QUIET = {"progress": False, "validation_episodes": 10}
COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 180, 60),
    "blue": (40, 60, 200),
    "yellow": (220, 210, 50),
    "grey": (120, 120, 120),
}


def innerloop(*words: object) -> dict[str, Any]:
    """What a command prints as JSON."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def accuracy(run: il.Run, tasks: Any, episodes: int = 40) -> float:
    return float(il.evaluate(run, tasks.test, episodes=episodes, baselines={}).mean)


@pytest.mark.filterwarnings("ignore:5 classes are too few")
def test_1_a_folder_of_five_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)

    def photograph(path: Path, colour: tuple[int, int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.array(colour) + rng.normal(0, 25, (*rng.integers(14, 20, 2), 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)

    for name, colour in COLOURS.items():
        for n in range(6):
            photograph(Path("colours") / name / f"{n}.jpg", colour)
        photograph(Path("new") / f"{name}.jpg", colour)
    facts = innerloop("tasks", "check", "colours")
    assert (facts["classes"], facts["images"], facts["ready"]) == (5, 30, True)
    how = ["--size", 8, "--model", "mlp", "--steps", 20, "--meta-batch", 4, "--out", "run"]
    assert innerloop("train", "colours", *how)["steps"] == 20
    judged = innerloop("evaluate", "run", "--episodes", 20, "--baselines", "none")
    assert judged["mean"] > 0.8  # of two colours; chance is 0.5
    held = innerloop("adapt", "run", "--support", "colours", "--out", "five.task")
    assert held["classes"] == sorted(COLOURS)
    found = innerloop("predict", "five.task", "new")
    right = [Path(n).stem == p for n, p in zip(found["inputs"], found["predictions"], strict=True)]
    assert sum(right) >= 4


def patients(rows: int, name: str = "p", seed: int = 0) -> list[str]:
    """Each has a level of his own, and reacts to the dose in his own way."""
    rng = np.random.default_rng(seed)
    lines = []
    for patient in range(rows):
        level, slope = rng.normal(50, 10), rng.normal(0, 3)
        for _ in range(10):
            dose = rng.uniform(-2, 2)
            score = level + slope * dose + rng.normal(0, 0.5)
            lines.append(f"{name}{patient},{rng.normal(60, 9):.1f},{dose:.2f},{score:.2f}")
    return lines


def test_2_a_table_of_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    head, new = "patient,age,dose,score", patients(1, "new", seed=7)
    Path("visits.csv").write_text("\n".join([head, *patients(40)]))
    Path("first.csv").write_text("\n".join([head, *new[:6]]))
    later = [line.rsplit(",", 1) for line in new[6:]]
    Path("later.csv").write_text("\n".join(["patient,age,dose", *(row for row, _ in later)]))
    columns = ["--task", "patient", "--target", "score"]
    assert innerloop("tasks", "check", "visits.csv", *columns)["kind"] == "regression"
    how = ["--algorithm", "ridge", "--steps", 60, "--meta-batch", 8, "--out", "run"]
    innerloop("train", "visits.csv", *columns, *how)
    judged = innerloop("evaluate", "run", "--episodes", 20, "--baselines", "none")
    assert judged["unit"] == "score"
    assert judged["mean"] < 30  # squared; patients differ by 100, a patient's visits by 12
    innerloop("adapt", "run", "--support", "first.csv", "--out", "new.task")
    found = np.ravel(innerloop("predict", "new.task", "later.csv")["mean"])
    truth = np.array([float(score) for _, score in later])
    assert np.abs(found - truth).mean() < 5  # patients differ by 10 and more


@pytest.mark.filterwarnings("ignore")
def test_3_a_table_with_holes_and_words() -> None:
    rng = np.random.default_rng(0)
    count = 30 * 16
    flip = np.repeat(rng.integers(0, 2, 30), 16)  # in some clinics the dose harms
    high, age = rng.integers(0, 2, count), rng.normal(60, 9, count)
    frame = pd.DataFrame(
        {
            "clinic": np.repeat([f"k{n}" for n in range(30)], 16),
            "dose": np.where(rng.random(count) < 0.1, None, np.where(high, "high", "low")),
            "age": np.where(rng.random(count) < 0.2, np.nan, age),
            "ill": np.where(high ^ flip, "yes", "no"),
        }
    )
    tasks = il.tasks.table(frame, task="clinic", target="ill", shots=3, queries=3)
    assert tasks.kind == "classification"
    learner = il.ridge(il.models.mlp(tasks.input_shape[0], None, hidden=16))
    run = il.train(learner, tasks, steps=40, meta_batch=8, **QUIET)
    assert accuracy(run, tasks) > 0.7  # without a clinic's own examples it would be 0.5
    rows = frame[frame["clinic"] == "k0"].drop(columns=["clinic", "ill"])
    task = run.adapt(rows, frame["ill"][:16].tolist())
    answers = task.predict([{"dose": "low", "age": None}, {"dose": "unheard of", "age": 50}])
    assert set(answers) <= {"yes", "no"}


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.lstm(x)[0][:, -1])


@pytest.mark.filterwarnings("ignore")
def test_4_an_lstm_of_ones_own_on_sequences(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rising = rng.integers(0, 2, 40 * 12)
    steps = np.where(rising, 1.0, -1.0)[:, None, None] * np.linspace(-1, 1, 6)[None, :, None]
    speed = np.repeat(rng.uniform(0.5, 2, 40), 12)[:, None, None]
    x = speed * steps + rng.normal(0, 0.3, (480, 6, 1))
    tasks = il.tasks.arrays(x, rising, groups=np.repeat(np.arange(40), 12), shots=2, queries=3)
    learner = il.maml(Lstm(), inner_lr=0.5, inner_steps=2)
    run = il.train(learner, tasks, steps=25, meta_batch=8, lr=0.02, out=tmp_path / "run", **QUIET)
    assert accuracy(run, tasks) > 0.8
    again = il.load(tmp_path / "run", Lstm())
    support = x[:12], ["up" if r else "down" for r in rising[:12]]
    answers = [r.adapt(*support).predict_proba(x[12:20]) for r in (run, again)]
    np.testing.assert_array_equal(*answers)


@pytest.mark.filterwarnings("ignore")
def test_5_a_small_transformer_on_tokens() -> None:
    """A class is the word that its sentences have more often than others."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(30), 12)
    tokens = rng.integers(0, 30, (360, 8))
    tokens[:, ::2] = label[:, None]
    tokens = rng.permuted(tokens, axis=1)
    tasks = il.tasks.arrays(tokens, label, ways=3, shots=2, queries=4)
    model = il.models.transformer(tokens=30, width=16, layers=1, heads=2)
    run = il.train(il.protonet(model), tasks, steps=25, meta_batch=4, ways=3, lr=0.01, **QUIET)
    assert accuracy(run, tasks) > 0.6  # chance is 0.33
    task = run.adapt(tokens[:24], ["first"] * 12 + ["second"] * 12)
    assert (np.asarray(task.predict(tokens[:24]))[:12] == "first").mean() > 0.8


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(True))
        self.inside = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(True))
        self.end = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(72, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.begin(x)
        return self.end(z + self.inside(z))


def test_6_a_residual_network_with_batch_norm() -> None:
    tasks = il.tasks.digits(ways=5, shots=3, queries=5, size=14)
    learner = il.maml(Residual(), inner_lr=0.1, inner_steps=3)
    run = il.train(learner, tasks, steps=30, meta_batch=4, lr=0.01, **QUIET)
    assert accuracy(run, tasks) > 0.5  # chance is 0.2
    episode = tasks.test.sample(seed=3)[0]
    task, x = run.adapt(episode.support.x, episode.support.y), episode.query.x
    alone = torch.cat([task.predict_proba(row[None]) for row in x])
    torch.testing.assert_close(task.predict_proba(x), alone, rtol=1e-4, atol=1e-5)


def test_7_a_keras_model() -> None:
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend: KERAS_BACKEND=torch")
    layers = keras.layers
    dense = [layers.Dense(16, activation="tanh"), layers.Dense(1)]
    model = keras.Sequential([layers.Input((1,)), *dense])
    tasks = il.tasks.linear(shots=5)
    learner = il.maml(model, inner_lr=0.05, inner_steps=3)
    untrained = il.evaluate(learner, learner.init(), tasks.test, episodes=20).mean
    run = il.train(learner, tasks, steps=60, meta_batch=8, lr=0.01, **QUIET)
    assert accuracy(run, tasks) < 0.8 * untrained
    x = np.linspace(-1, 1, 6)[:, None]
    assert run.adapt(x, 2 * x).predict(x).shape == (6, 1)


def test_8_a_grid_search_over_a_pipeline() -> None:
    x, y = load_wine(return_X_y=True)
    few, rest, y_few, y_rest = train_test_split(x, y, train_size=45, stratify=y, random_state=0)
    pipe = make_pipeline(StandardScaler(), FewShotClassifier())
    grid = {"fewshotclassifier__strength": [1e-3, 1.0, 1e6]}
    search = GridSearchCV(pipe, grid, cv=3).fit(few, y_few)
    assert search.best_params_["fewshotclassifier__strength"] != 1e6
    assert search.score(rest, y_rest) > 0.9


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a task beside it and what the task answers."""
    root = tmp_path_factory.mktemp("digits") / "here"
    tasks = il.tasks.digits(size=16, shots=3)
    learner = il.protonet(il.models.conv4(size=16, width=4))
    run = il.train(learner, tasks, steps=3, meta_batch=2, ways=5, out=root / "run", **QUIET)
    episode = tasks.test.sample(seed=1)[0]
    labels = [f"digit {y}" for y in episode.support.y.tolist()]
    task = run.adapt(episode.support.x, labels)
    task.save(root / "digits.task")
    x = episode.query.x.numpy()
    np.savez(root / "answers.npz", x=x, expected=task.predict_proba(x), said=task.predict(x))
    return root


def test_9_saved_moved_and_loaded_elsewhere(digits: Path, tmp_path: Path) -> None:
    there = tmp_path / "other" / "place"
    shutil.copytree(digits, tmp_path / "copy")
    shutil.move(tmp_path / "copy", there)
    held = np.load(there / "answers.npz")
    task = il.load_adapted(there / "digits.task")
    assert task.folder is not None
    assert task.folder.resolve() == (there / "run").resolve()  # beside it, not where it was
    np.testing.assert_array_equal(task.predict_proba(held["x"]), held["expected"])
    np.save(there / "x.npy", held["x"])
    found = innerloop("predict", there / "digits.task", there / "x.npy")
    assert found["predictions"] == held["said"].tolist()


@pytest.mark.filterwarnings("ignore")
def test_10_an_onnx_file_in_onnxruntime(digits: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    onnx(il.load_adapted(digits / "digits.task"), tmp_path / "digits.onnx")
    held = np.load(digits / "answers.npz")
    session = runtime.InferenceSession(tmp_path / "digits.onnx")
    (found,) = session.run(None, {"x": held["x"]})
    np.testing.assert_allclose(found, held["expected"], atol=1e-4)
    names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert [names[n] for n in found.argmax(1)] == held["said"].tolist()
