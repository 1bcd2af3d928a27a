import numpy as np
import pytest
import torch

import innerloop as il
from innerloop.evaluation import untrained_baselines
from innerloop.tasks import data, heart, parkinsons


@pytest.fixture(scope="module")
def voices(data_root):
    if not data.status("parkinsons").present:
        pytest.skip("needs innerloop data fetch parkinsons")
    return parkinsons(queries=10)


@pytest.fixture(scope="module")
def hospitals(data_root):
    if not data.status("heart").present:
        pytest.skip("needs innerloop data fetch heart")
    return heart(hospital="switzerland")


def test_neither_time_nor_the_other_score_is_a_feature(voices):
    names = voices.inputs.features
    assert len(names) == 18
    assert not {"test_time", "motor_UPDRS", "total_UPDRS", "subject#"} & {*names}
    assert "test_time" in parkinsons(time=True).inputs.features


def test_time_only_looks_at_the_same_recordings(voices):
    alone = voices.beside["time only"]
    assert alone.inputs.features == ["test_time"]
    here, there = (t.test.sample(seed=2, tasks=3) for t in (voices, alone))
    assert torch.equal(here.support.y, there.support.y)
    assert torch.equal(here.query.y, there.query.y)
    assert there.support.x.shape == (3, 5, 1)


def test_time_only_follows_the_shots_that_are_asked_for(voices):
    more = voices.replace(shots=8)
    assert more.beside["time only"].test.sample().support.x.shape == (1, 8, 1)


def test_what_time_alone_foretells_stands_beside_every_figure(voices):
    learner = il.ridge()
    beside = untrained_baselines(learner, voices, validation=2)
    scores = il.evaluate(
        learner, learner.init(), voices.test, episodes=30, baselines={"t": beside["time only"]}
    )
    assert scores.baselines["t"].mean < scores.mean  # the trap: interpolated scores
    assert torch.equal(scores.baselines["t"].tasks, scores.tasks)


def test_the_left_out_hospital_is_met_in_the_test_alone(hospitals):
    assert hospitals.test.bank.names == ("switzerland",)
    assert "switzerland" not in "".join(hospitals.train.bank.names)
    assert "switzerland" not in "".join(hospitals.validation.bank.names)
    assert any("Four hospitals are four tasks" in note for note in hospitals.notes)


def test_what_is_missing_is_information(hospitals):
    columns = {column.name: column for column in hospitals.inputs.columns}
    assert columns["chol"].indicator
    assert columns["ca"].indicator
    assert columns["thal"].indicator
    rows = hospitals.inputs.x({"age": 50, "chol": None, **dict.fromkeys(columns.keys() - {"age"})})
    assert rows.isfinite().all()


def test_a_cholesterol_of_zero_is_missing(hospitals):
    bank = hospitals.test.bank  # in Switzerland it is 0 for everyone
    start = sum(c.width for c in hospitals.inputs.columns[:4])
    assert hospitals.inputs.features[4] == "chol"
    assert (bank.x(np.arange(len(bank.order)))[:, start + 1] == 1).all()


def test_labels_have_a_calibration_error(hospitals):
    learner = il.ridge()
    scores = il.evaluate(learner, learner.init(), hospitals.test, episodes=3)
    assert 0 <= scores.ece <= 1


def test_settings_make_the_family_again(hospitals, voices):
    for tasks, make in ((hospitals, heart), (voices, parkinsons)):
        again = make(**tasks.settings)
        assert torch.equal(again.test.sample().query.x, tasks.test.sample().query.x)
        assert again.inputs.settings == tasks.inputs.settings
        assert again.inputs.notice
