"""An exported task gives the same answers as the one it came from, for any number of rows."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import innerloop as il
from innerloop.errors import MissingExtra
from innerloop.export import onnx, program

sys.path.append(str(Path(__file__).parent / "adapted"))
from use_cases import Celsius


def run_of(learner: il.Learner, kind: str = "classification", **more) -> il.Run:
    return il.Run(learner, learner.init(torch.Generator().manual_seed(0)), kind, None, 0, **more)


def images(rows: int) -> torch.Tensor:
    return torch.rand(rows, 1, 16, 16, generator=torch.Generator().manual_seed(rows))


def conv4(outputs):
    return il.models.conv4(outputs, size=16, width=4)


def cases() -> dict[str, tuple[il.Adapted, torch.Tensor]]:
    labels = list("aabbcc")
    numbers = torch.linspace(-1, 1, 8)[:, None]
    mlp = il.maml(il.models.mlp(1, 1, hidden=8), inner_lr=0.01)
    maml = run_of(il.maml(conv4(3), inner_lr=0.1))
    return {
        "maml": (maml.adapt(images(6), labels, orders=1), images(5)),
        "maml in three orders": (maml.adapt(images(6), labels, orders=3), images(5)),
        "regression": (
            run_of(mlp, "regression", inputs=Celsius()).adapt(numbers, numbers),
            numbers,
        ),
        "protonet": (run_of(il.protonet(conv4(None))).adapt(images(6), labels), images(5)),
        "ridge": (run_of(il.ridge(conv4(None))).adapt(images(6), labels), images(5)),
        "nearest": (run_of(il.nearest_neighbour(neighbours=2)).adapt(images(6), labels), images(5)),
    }


@pytest.fixture(scope="module")
def tasks():
    return cases()


def expected(task: il.Adapted, x: torch.Tensor) -> np.ndarray:
    found = task.predict(x) if task.kind == "regression" else task.predict_proba(x)
    return found.numpy()


@pytest.mark.parametrize("name", ["maml in three orders", "ridge", "nearest"])
def test_a_program_answers_the_same(tasks, name):
    task, x = tasks[name]
    made = program(task).module()
    for rows in (x, x[:1], torch.cat([x, x, x])):
        assert np.allclose(made(rows).numpy(), expected(task, rows), atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["maml", "regression", "protonet"])
def test_an_onnx_file_answers_the_same(tasks, name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    task, x = tasks[name]
    onnx(task, tmp_path / "task.onnx")
    session = runtime.InferenceSession(tmp_path / "task.onnx")
    for rows in (x, x[:1], torch.cat([x, x, x])):
        (found,) = session.run(None, {"x": rows.numpy()})
        assert np.allclose(found, expected(task, rows), atol=1e-4)
    held = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert held == (None if task.classes is None else task.classes.tolist())


def test_what_cannot_be_exported_says_so(tasks, tmp_path, monkeypatch):
    task, _ = tasks["maml"]
    learner = il.maml(conv4(3), transductive=True)
    seen = run_of(learner).adapt(images(6), list("aabbcc"), orders=1)
    with pytest.raises(il.InputError, match="depend on the other rows of the batch"):
        program(seen)
    several = dataclasses.replace(task, form=(task.form, task.form))
    with pytest.raises(il.InputError, match="several parts cannot be exported"):
        program(several)
    monkeypatch.setattr("innerloop.export.onnx_file.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"innerloop\[onnx\]"):
        onnx(task, tmp_path / "task.onnx")
