"""How far an adapted task's answers may be trusted, in the user's own terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from use_cases import SHORT, Celsius, X, digits, points, sines

import innerloop as il
from innerloop import InputError, structure
from innerloop.structure import trust


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure.calibration, "TASKS", 60)
    monkeypatch.setattr(structure.calibration, "FEW", 30)


def test_sets_hold_the_labels_that_may_be(tmp_path):
    run = digits("protonet", out=tmp_path / "run")
    new = run.adapt(points(3, 2), ["b", "a", "c"] * 2).calibrated()
    found, wide = (new.predict(points(3, 2), coverage=c) for c in (0.5, 0.95))
    assert all(set(few) <= set(many) for few, many in zip(found, wide, strict=True))
    assert {label for row in wide for label in row} <= {"a", "b", "c"}
    chances = new.predict_proba(points(3, 2)).numpy()
    most = structure.conformal.limit(new.trust.limits, 0.5)
    by_hand = [[c for c, p in zip("abc", row, strict=True) if 1 - p <= most] for row in chances]
    assert found == by_hand


def test_probabilities_of_a_calibrated_task_are_tempered(tmp_path):
    run = digits("nearest_centroid", out=tmp_path / "run")
    before = run.adapt(points(3, 2), ["b", "a", "c"] * 2)
    after = before.calibrated()
    heat, x = after.trust.temperature, points(3, 2)
    assert heat != 1
    by_hand = (before.outputs(x) / heat).softmax(1)
    torch.testing.assert_close(after.predict_proba(x), by_hand)
    assert list(after.predict(x)) == list(before.predict(x))
    after.save(path := tmp_path / "new.task")
    torch.testing.assert_close(il.load_adapted(path).predict_proba(x), by_hand)


def test_an_interval_lies_around_the_answer_in_its_unit(tmp_path):
    run = sines(tmp_path / "run")
    new = run.adapt(X, np.sin(X[:, 0])).calibrated()
    narrow, wide = (new.predict(X, coverage=c) for c in (0.5, 0.9))
    assert narrow.shape == (10, 2)
    answers = new.predict(X)
    assert np.allclose((wide[:, 0] + wide[:, 1]) / 2, answers, atol=1e-5)
    assert (wide[:, 1] - wide[:, 0] > narrow[:, 1] - narrow[:, 0]).all()
    several = run.adapt(X, np.sin(X)).predict(torch.as_tensor(X), coverage=0.9)
    assert several.shape == (10, 1, 2)
    assert isinstance(several, torch.Tensor)


def test_inputs_give_the_interval_their_unit():
    run = replace(sines(), inputs=Celsius(scale=-10.0))
    rows = [{"t": str(v)} for v in X[:, 0]]
    y = np.sin(X[:, 0])
    turned, plain = run.adapt(rows, -10 * y), sines().adapt(X, y)
    a, b = turned.predict(rows, coverage=0.8), plain.predict(X, coverage=0.8)
    assert np.allclose(a, -10 * b[:, ::-1], rtol=1e-4)


def test_orders_are_calibrated_as_they_answer(tmp_path, monkeypatch):
    run = digits("maml", out=tmp_path / "run", inner_lr=0.1, inner_steps=2)
    one = run.adapt(points(3, 1), ["a", "b", "c"], orders=1).calibrated()
    more = run.adapt(points(3, 1), ["a", "b", "c"], orders=3).calibrated()
    assert one.familiar_p == more.familiar_p  # of the learner, whatever the orders
    assert not torch.equal(one.trust.limits, more.trust.limits)
    assert len(list((tmp_path / "run" / trust.FOLDER).iterdir())) == 2


def test_the_file_keeps_what_was_found(tmp_path, monkeypatch):
    run = digits("protonet", out=tmp_path / "run")
    new = run.adapt(points(2, 2), [1, 2] * 2).calibrated(coverage=0.8)
    for standalone in (False, True):
        new.save(path := tmp_path / f"{standalone}.task", standalone=standalone)
        assert path.stat().st_size < 500_000
        back = il.load_adapted(path)
        assert back.familiar_p == new.familiar_p
        assert back.trust.coverage == 0.8
        assert back.predict(points(2, 2), coverage=0.8) == new.predict(points(2, 2), coverage=0.8)


def test_a_file_of_before_has_none_and_is_calibrated_by_its_run(tmp_path):
    run = digits("protonet", out=tmp_path / "run")
    run.adapt(points(2, 2), [1, 2] * 2).save(tmp_path / "new.task", keep_support=True)
    back = il.load_adapted(tmp_path / "new.task")
    assert back.familiar_p is None
    assert len(back.predict(points(2, 1), coverage=0.9)) == 2
    run.adapt(points(2, 2), [1, 2] * 2).save(tmp_path / "bare.task")
    with pytest.raises(InputError, match="needs the task's examples, and this file does not hold"):
        il.load_adapted(tmp_path / "bare.task").predict(points(2, 1), coverage=0.9)


def test_further_examples_make_it_another_task():
    new = digits("protonet").adapt(points(2, 2), [1, 2] * 2).calibrated()
    assert new.update(points(1, 1), [1]).familiar_p is None
    other = sines().adapt(X, np.sin(X)).calibrated()
    assert other.update(X, np.sin(X)).trust is None


def test_a_task_unlike_the_family_is_noticed():
    run = il.train(il.ridge(strength=0.01), il.tasks.linear(), **{**SHORT, "steps": 1})
    usual = run.adapt(X, 2 * X + 1).calibrated()
    wild = run.adapt(X, 40 * np.cos(5 * X)).calibrated()
    assert wild.familiar_p < 0.05 < usual.familiar_p


@pytest.mark.parametrize("coverage", [0, 1.5])
def test_a_coverage_that_is_none_is_refused(coverage):
    new = sines().adapt(X, np.sin(X))
    with pytest.raises(InputError, match="coverage must lie between 0 and 1"):
        new.calibrated(coverage)
    with pytest.raises(InputError, match="coverage must lie between 0 and 1"):
        new.predict(X, coverage=coverage)


def test_a_coverage_beyond_what_the_tasks_allow_says_what_they_do():
    with pytest.raises(InputError, match=r"coverage can be at most 0.983 here, .* got 0.99"):
        sines().adapt(X, np.sin(X)).predict(X, coverage=0.99)
