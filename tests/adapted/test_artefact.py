"""An adapted task's file: the same answers, found again, and refused where it is not itself."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import torch
from use_cases import Celsius, X, digits, maml, points, protonet, sines

import innerloop as il
from innerloop.adapted.plain import from_plain, to_plain
from innerloop.tasks.inputs import INPUTS
from innerloop.training.files import read_tensors, write_tensors
from innerloop.tree import tree_leaves


@pytest.fixture
def home(tmp_path):
    """A run's folder and the file of a task beside it."""
    run = digits("protonet", tmp_path / "runs" / "first")
    run.adapt(points(2, 2), list("aabb")).save(tmp_path / "tasks" / "new.safetensors")
    return tmp_path


@pytest.mark.parametrize("labels", [list("aabb"), [7, 7, -1, -1], [True] * 2 + [False] * 2])
@pytest.mark.parametrize("run", [protonet, maml])
def test_a_standalone_file_answers_the_same(tmp_path, run, labels):
    adapted = run().adapt(points(2, 2), labels, orders=2)
    adapted.save(tmp_path / "task", standalone=True, keep_support=True)
    loaded = il.load_adapted(tmp_path / "task")
    assert torch.equal(loaded.predict_proba(points(2, 2)), adapted.predict_proba(points(2, 2)))
    assert loaded.predict(points(2, 2)).tolist() == labels
    assert loaded.classes.dtype == adapted.classes.dtype
    more = loaded.update(points(3, 1)[2:], labels[:1])
    assert len(more.support.y) == 5


def test_a_file_finds_its_run_wherever_both_move_together(home):
    x = points(2, 2)
    before = il.load_adapted(home / "tasks" / "new.safetensors")
    shutil.copytree(home, home.parent / "elsewhere")
    shutil.rmtree(home)
    after = il.load_adapted(home.parent / "elsewhere" / "tasks" / "new.safetensors")
    assert torch.equal(before.predict_proba(x), after.predict_proba(x))
    assert after.folder == home.parent / "elsewhere" / "runs" / "first"


def test_a_file_that_moves_alone_finds_its_run_by_the_full_path(home, tmp_path_factory):
    away = tmp_path_factory.mktemp("away") / "new.safetensors"
    shutil.move(home / "tasks" / "new.safetensors", away)
    assert il.load_adapted(away).classes.tolist() == ["a", "b"]
    shutil.move(home / "runs", home / "moved")
    with pytest.raises(
        il.InputError, match=r"the run 'first', which is no longer at .*where it is with run"
    ):
        il.load_adapted(away)
    assert il.load_adapted(away, run=home / "moved" / "first").classes.tolist() == ["a", "b"]


def test_another_run_s_weights_are_refused(home):
    file = home / "tasks" / "new.safetensors"
    with pytest.raises(il.InputError, match="adapted from other weights than those of the run"):
        il.load_adapted(file, run=maml())
    shutil.rmtree(home / "runs" / "first")
    learner = il.protonet(il.models.mlp(784, None, hidden=8))
    il.train(learner, il.tasks.digits(), steps=1, out=home / "runs" / "first", progress=False)
    with pytest.raises(il.InputError, match="adapted from other weights"):
        il.load_adapted(file)


def test_the_file_is_small_and_holds_no_example_unasked(home):
    assert os.path.getsize(home / "tasks" / "new.safetensors") < 4_000
    tensors, values = read_tensors(home / "tasks" / "new.safetensors")
    assert values["adapted"] == 1
    assert values["run"]["relative"] == "../runs/first"
    assert not any(name.startswith(("support", "meta")) for name in tensors)


def test_changed_bytes_and_other_files_are_refused(home):
    file = home / "tasks" / "new.safetensors"
    whole = file.read_bytes()
    for place in range(9, len(whole), 97):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(il.InputError):
            il.load_adapted(file)
    file.write_bytes(whole[:-5])
    with pytest.raises(il.InputError, match="is damaged"):
        il.load_adapted(file)
    with pytest.raises(il.InputError, match="does not hold an adapted task"):
        il.load_adapted(home / "runs" / "first" / "meta.safetensors")
    with pytest.raises(il.InputError, match="there is no file"):
        il.load_adapted(home / "nothing")
    with pytest.raises(il.InputError, match="is a folder; name a file in it"):
        protonet().adapt(points(2, 1), [0, 1]).save(home, standalone=True)


def test_a_newer_version_is_one_sentence_and_a_part_that_lacks_is_damage(home):
    file = home / "tasks" / "new.safetensors"
    tensors, values = read_tensors(file)
    write_tensors(file, tensors, {**values, "adapted": 2})
    with pytest.raises(il.InputError, match=r"version 2 of the file format.*update innerloop"):
        il.load_adapted(file)
    for key in ("fast", "form", "classes", "run", "spec", "flat"):
        write_tensors(file, tensors, {k: v for k, v in values.items() if k != key})
        with pytest.raises(il.InputError, match="is damaged"):
            il.load_adapted(file)


def test_a_run_in_memory_has_no_name_to_write(tmp_path):
    with pytest.raises(il.InputError, match="standalone=True, or train with out=FOLDER"):
        protonet().adapt(points(2, 1), [0, 1]).save(tmp_path / "task")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(il.InnerloopError, match=r"Cannot (write|use)"):
        protonet().adapt(points(2, 1), [0, 1]).save(tmp_path / "file" / "x", standalone=True)


def test_settings_of_the_test_and_own_parts_are_kept(tmp_path):
    net = torch.nn.Sequential(torch.nn.Linear(1, 1))
    run = sines(tmp_path / "run", net, loss=lambda o, t: (o - t).abs().mean(1))
    run = dataclasses.replace(run, learner=run.learner.replace(inner_steps=7))
    adapted = run.adapt(X, X)
    adapted.save(tmp_path / "task")
    assert il.load_adapted(tmp_path / "task", run).learner.spec.settings["inner_steps"] == 7
    assert np.array_equal(il.load_adapted(tmp_path / "task", run).predict(X), adapted.predict(X))
    alone = sines(model=torch.nn.Sequential(torch.nn.Linear(1, 1))).adapt(X, X)
    alone.save(tmp_path / "alone", standalone=True)
    with pytest.raises(il.InputError, match=r"Module of your own.*model=..."):
        il.load_adapted(tmp_path / "alone")
    assert np.array_equal(
        il.load_adapted(tmp_path / "alone", model=net).predict(X), alone.predict(X)
    )


def test_inputs_travel_with_the_run_and_with_a_standalone_file(tmp_path, monkeypatch):
    monkeypatch.setitem(INPUTS, "celsius", Celsius)
    tasks = dataclasses.replace(il.tasks.sinusoids(), inputs=Celsius(5.0))
    learner = il.maml(il.models.mlp(1, 1, hidden=4))
    run = il.train(learner, tasks, steps=1, out=tmp_path / "run", progress=False)
    loaded = il.load(tmp_path / "run")
    assert run.inputs == loaded.inputs == Celsius(5.0)
    raw = [{"t": "1"}, {"t": "2"}]
    adapted = loaded.adapt(raw, [10, 20])
    adapted.save(tmp_path / "beside")
    adapted.save(tmp_path / "alone", standalone=True)
    for name in ("beside", "alone"):
        found = il.load_adapted(tmp_path / name)
        assert np.array_equal(found.predict(raw), adapted.predict(raw))
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["inputs"] == {"name": "celsius", "settings": {"scale": 5.0}}


def test_a_run_folder_from_before_inputs_still_loads_and_resumes(tmp_path):
    run = sines(tmp_path / "run")
    file = tmp_path / "run" / "settings.json"
    settings = json.loads(file.read_text())
    assert settings.pop("inputs") is None
    file.write_text(json.dumps(settings))
    loaded = il.load(tmp_path / "run")
    assert loaded.inputs is None
    assert np.array_equal(loaded.adapt(X, X).predict(X), run.adapt(X, X).predict(X))
    again = il.train(
        run.learner,
        il.tasks.sinusoids(),
        meta_batch=2,
        validation_episodes=4,
        steps=3,
        out=tmp_path / "run",
        resume=True,
        progress=False,
    )
    assert again.steps == 3


def test_trees_of_all_kinds_come_back():
    tree = {
        "a": (torch.ones(2), [torch.zeros(0, 3), None]),
        "b": {"c/d": torch.tensor(1), "c": {"d": torch.tensor(True)}},
        "meta": il.Meta({"w": torch.ones(1)}, {}),
        "support": il.Examples(torch.zeros(1, 2), torch.tensor([0])),
        "n": 3,
    }
    tensors: dict[str, torch.Tensor] = {}
    plain = json.loads(json.dumps(to_plain(tree, "t", tensors)))
    back = from_plain(plain, tensors)
    assert isinstance(back["meta"], il.Meta)
    assert back["support"].ways == 1
    assert back["a"][1][1] is None
    for one, other in zip(tree_leaves(tree), tree_leaves(back), strict=True):
        assert one is other
    with pytest.raises(il.InnerloopError, match="holds a set"):
        to_plain({"x": {1, 2}}, "t", {})
    with pytest.raises(ValueError, match="os:system"):
        from_plain({"made_by": "os:system", "fields": {}}, {})
