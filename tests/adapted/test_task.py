"""Adapting, answering and updating in the user's own terms; bad input is one sentence."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch
from use_cases import Celsius, X, maml, points, protonet, sines

import innerloop as il
from innerloop import InputError
from innerloop.adapted.rows import one_task


def test_learners_that_observe_are_updated_without_their_examples():
    x = points(3, 2)
    adapted = protonet().adapt(x[:4], ["a", "a", "b", "b"])
    blind = dataclasses.replace(adapted, support=None)
    for task in (adapted, blind):
        grown = task.update(x[4:], ["c", "c"])
        whole = protonet().adapt(x, ["a", "a", "b", "b", "c", "c"])
        assert grown.classes.tolist() == ["a", "b", "c"]
        assert torch.allclose(grown.predict_proba(x), whole.predict_proba(x), atol=1e-5)
    assert blind.update(x[:2], ["a", "a"]).support is None


def test_the_others_adapt_again_to_all_examples():
    x = points(3, 2)
    adapted = maml().adapt(x[:4], [0, 0, 1, 1])
    grown = adapted.update(x[4:], [2, 2])
    assert torch.equal(grown.predict_proba(x), maml().adapt(x, [0, 0, 1, 1, 2, 2]).predict_proba(x))
    with pytest.raises(il.InputError, match="keep_support=True"):
        dataclasses.replace(adapted, support=None).update(x[4:], [2, 2])


def test_more_classes_than_outputs_is_a_sentence():
    x = points(5, 1)
    adapted = maml().adapt(x, list("abcde"))
    with pytest.raises(il.InputError, match="it has 6 ways, the model has 5 outputs"):
        adapted.update(x[:1], ["f"])


def test_raw_inputs_and_units_of_the_user():
    run = dataclasses.replace(sines(), inputs=Celsius())
    raw = [{"t": str(float(v))} for v in X[:, 0]]
    adapted = run.adapt(raw, X[:, 0])
    plain = sines().adapt(X, X[:, 0] / 10)
    assert np.allclose(adapted.predict(raw), 10 * plain.predict(X), atol=1e-5)
    assert np.allclose(adapted.predict(raw), adapted.predict(X), atol=1e-6)
    assert adapted.predict(raw[0]).shape == (1,)
    assert np.allclose(adapted.update(raw, X[:, 0]).predict(X), run.adapt(X, X).predict(X)[:, 0], 1)


def test_several_numbers_per_row():
    net = torch.nn.Linear(2, 3)
    run = dataclasses.replace(sines(), learner=il.maml(net), meta=il.maml(net).init())
    x, y = np.random.default_rng(0).normal(size=(6, 2)), np.arange(18).reshape(6, 3)
    assert run.adapt(x, y).predict(x).shape == (6, 3)
    with pytest.raises(il.InputError, match=r"give the model as many outputs"):
        run.adapt(x, y[:, 0])


def test_several_labels_per_row():
    net = torch.nn.Linear(2, 3)
    learner = il.maml(net, inner_lr=1.0, inner_steps=20)
    run = dataclasses.replace(sines(), learner=learner, meta=learner.init(), kind="multilabel")
    x = np.eye(2)
    y = [[1, 0, 1], [0, 0, 1]]
    adapted = run.adapt(x, y)
    assert adapted.predict(x).tolist() == [[True, False, True], [False, False, True]]
    assert ((adapted.predict_proba(x) > 0.5) == adapted.predict(x)).all()
    with pytest.raises(il.InputError, match="truth values of shape"):
        run.adapt(x, [[2, 0, 1], [0, 0, 1]])


LABELS = [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (points(2, 2), [0, 0, 1], "x and y must have one row per example: x has 4 rows, y has 3"),
        (points(2, 2), [], "a task is learnt from its examples, got none"),
        (points(2, 2), [0, 0, 1, None], "row 3 (counted from 0) has None"),
        (points(2, 2), [0, 0, 1, float("nan")], "row 3 (counted from 0) has nan"),
        (points(2, 2), [0, 0, 1, 0.5], "row 3 (counted from 0) has 0.5"),
        (points(2, 2), [0, 0, 1, (1, 2)], "got a list of lists"),
        (
            points(2, 2),
            [0, 0, "a", "a"],
            "labels must be of one type, got 0 (whole numbers) and 'a'",
        ),
        (points(2, 2), [True, 0, 1, 1], "labels must be of one type"),
        (points(2, 2), "aabb", "y must hold one label per row, got a str"),
        (points(2, 2), torch.zeros(4, 1), "y must hold one label per row, got shape (4, 1)"),
        (points(2, 2), ["a"] * 4, "needs examples of two at least, got only a"),
        (points(2, 2).index_fill(0, torch.tensor(2), torch.nan), LABELS, "row 2 (counted from 0)"),
        (points(2, 2) / 0, LABELS, "row 0 (counted from 0) holds NaN or infinity"),
        (points(2, 2)[..., :3], LABELS, "(4, 1, 28, 3)"),
        (points(2, 2).byte(), LABELS, "pass images as x / 255"),
        (points(2, 2) + 0j, LABELS, "real numbers as in training, got complex numbers"),
        (["a.png"] * 4, LABELS, "'a.png' cannot be read as an image"),
        ([[1.0], [1.0, 2.0]], [0, 1], "x must hold numbers, all rows of one shape"),
        (None, LABELS, "x must hold numbers"),
        (1.0, LABELS, "x must have one row per input"),
    ],
)
def test_bad_examples_of_classes_are_one_sentence(x, y, sentence):
    with pytest.raises(il.InputError, match=re.escape(sentence)) as caught:
        maml().adapt(x, y)
    assert "\n" not in caught.value.en
    assert caught.value.zh != caught.value.en


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (["low"] * 10, "row 0 (counted from 0) of y is 'low'"),
        ([1.0, "2"] * 5, "row 1 (counted from 0) of y is '2'"),
        ([1.0, None] * 5, "targets must be finite, but row 1"),
        ([1.0] * 9 + [float("inf")], "row 9 (counted from 0) has NaN or infinity"),
        (1.0, "targets must have the shape (S,) or (S, out), got ()"),
        (np.zeros((10, 1, 1)), "got (10, 1, 1)"),
        ([], "a task is learnt from its examples, got none"),
        ([1.0] * 9, "x has 10 rows, y has 9"),
    ],
)
def test_bad_numbers_to_regress_are_one_sentence(y, sentence):
    with pytest.raises(il.InputError, match=re.escape(sentence)):
        sines().adapt(X, y)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (X[0], "for one input pass x[None]"),
        (np.zeros((3, 2)), "shaped like the support set's, (rows, 1), got (rows, 2)"),
        (np.full((3, 1), np.inf), "row 0 (counted from 0) holds NaN or infinity"),
    ],
)
def test_bad_inputs_to_answer_are_one_sentence(x, sentence):
    with pytest.raises(il.InputError, match=re.escape(sentence)):
        sines().adapt(X, X).predict(x)


def test_whole_numbers_are_numbers_and_nothing_gives_nothing():
    adapted = sines().adapt([[1], [2]], [1, 2])
    assert np.array_equal(adapted.predict([[1], [2]]), adapted.predict([[1.0], [2.0]]))
    assert adapted.predict(np.zeros((0, 1))).shape == (0,)


@pytest.mark.parametrize("labels", [np.array([0.0, 1.0]), [np.int64(3), np.int64(4)], ["x", "y"]])
def test_labels_come_back_as_they_were(labels):
    assert maml().adapt(points(2, 1), labels).classes.tolist() == sorted(labels)


def test_a_device_that_is_not_there_is_one_sentence(tmp_path):
    run = sines()
    assert np.array_equal(run.to("cpu").adapt(X, X).predict(X), run.adapt(X, X).predict(X))
    run.adapt(X, X).save(tmp_path / "task", standalone=True)
    assert il.load_adapted(tmp_path / "task", device="cpu").predict(X).shape == X.shape
    for device in ["nowhere"] + ["cuda"] * (not torch.cuda.is_available()):
        with pytest.raises(il.InputError, match="device must be one that this machine has"):
            run.to(device)
        with pytest.raises(il.InputError, match="device must be one that this machine has"):
            il.load_adapted(tmp_path / "task", device=device)


def test_tokens_stay_whole_numbers():
    net = torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    learner = il.maml(net)
    run = dataclasses.replace(maml(), learner=learner, meta=learner.init())
    assert run.adapt([[1, 2], [3, 4]], ["a", "b"]).predict([[1, 2]]).shape == (1,)


def test_images_from_0_to_255_are_refused_in_floats_too():
    run = il.train(il.protonet(il.models.conv4(width=4)), il.tasks.digits(ways=2), steps=1, ways=2)
    x = il.tasks.digits(ways=2, shots=2).test.sample()[0].support.x
    with pytest.raises(InputError, match=r"between 0 and 1, as in training, got up to 255"):
        run.adapt(x * 255 / x.max(), ["a", "a", "b", "b"])
    assert repr(run.adapt(x, ["a", "a", "b", "b"])) == (
        "Adapted(protonet, classification of a, b, learnt from 4 examples)"
    )


def test_rows_of_several_tasks_are_not_learnt_as_one():
    pd = pytest.importorskip("pandas")
    x = pd.DataFrame({"patient": ["p1", "p1", "p2"], "age": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match=r"'patient' names 2 in these rows \(p1, p2\)"):
        one_task(x, "patient")
    one_task(x[:2], "patient")
    one_task(x, None)
