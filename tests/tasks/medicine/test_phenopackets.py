import numpy as np
import pytest
import torch

import innerloop as il
from innerloop import InputError
from innerloop.recipes import learner_for
from innerloop.tasks import phenopackets
from innerloop.tasks.base import SPLITS
from innerloop.tasks.medicine.bank import Rows


@pytest.fixture
def tasks(ward):
    return phenopackets(ways=3, shots=2, queries=3)


def sources(bank, numbers):
    return {bank.patients[n].publication for n in numbers}


@pytest.mark.parametrize("split", SPLITS)
def test_support_and_query_of_a_disease_are_from_different_publications(tasks, split):
    stream = tasks.split(split)
    rng = np.random.default_rng(0)
    for disease in stream.fit:
        for _ in range(5):
            places = stream.bank.starts[disease] + stream.parted(disease, rng)
            support, query = places[:2], places[2:]
            assert len(set(places)) == 5
            assert not sources(stream.bank, support) & sources(stream.bank, query)


def test_rows_of_an_episode_are_patients_of_its_diseases(tasks):
    episode = tasks.test.sample(seed=3, tasks=2)[1]
    bank = tasks.test.bank
    assert episode.support.y.tolist() == [0, 0, 1, 1, 2, 2]
    for x, y in zip(episode.query.x, episode.query.y, strict=True):
        disease = int(episode.classes[y])
        own = np.arange(bank.sizes[disease]) + bank.starts[disease]
        assert any(torch.equal(x, row) for row in bank.take(own))


def test_batches_of_any_size_cut_one_sequence(tasks):
    four = tasks.train.sample(seed=1, index=0, tasks=4)
    two = tasks.train.sample(seed=1, index=1, tasks=2)
    assert torch.equal(four.support.x[2:], two.support.x)
    assert torch.equal(four.query.x[2:], two.query.x)


def test_no_disease_publication_or_folder_is_in_two_splits(tasks):
    for source in ("disease", "publication", "folder"):
        held = [{getattr(p, source) for p in tasks.split(split).bank.patients} for split in SPLITS]
        assert len(set.union(*held)) == sum(map(len, held))


def test_patients_without_findings_are_left_out(tasks):
    everyone = [p for split in SPLITS for p in tasks.split(split).bank.patients]
    assert len(everyone) == 480
    assert all(patient.observed for patient in everyone)


def test_excluded_findings_are_looked_at_only_when_asked_and_with_a_warning(ward, tasks):
    assert not any(term.startswith("!") for term in tasks.inputs.terms)
    with pytest.warns(UserWarning, match="Excluded findings leak the disease"):
        told = phenopackets(excluded=True)
    assert any(term.startswith("!") for term in told.inputs.terms)


def test_the_family_says_that_it_is_no_medical_device(tasks):
    assert any("no medical device" in note for note in tasks.notes)


def test_uneven_ways_are_padded(ward):
    stream = phenopackets(ways=(2, 4), shots=1, queries=2).train
    episodes = stream.sample(tasks=8)
    assert {episode.support.ways for episode in episodes} == {2, 3, 4}


def test_uneven_shots_are_refused(ward):
    with pytest.raises(InputError, match="shots of phenopackets must be one whole number"):
        phenopackets().replace(shots=(1, 3))


def test_too_many_shots_are_one_sentence(ward):
    with pytest.raises(
        InputError,
        match="12 patients of some publications and 12 of others: phenopackets/train has 0; lower",
    ):
        phenopackets(shots=12, queries=12)


def test_sparse_rows_are_the_dense_ones_in_any_order():
    rows = Rows.of([{0: 1.0, 2: 3.0}, {}, {1: 2.0}], 3)
    dense = torch.tensor([[1.0, 0, 3], [0, 0, 0], [0, 2, 0]])
    assert torch.equal(rows.dense(np.array([2, 0, 0, 1])), dense[[2, 0, 0, 1]])


def test_a_run_learns_keeps_and_answers_with_reasons(tasks, tmp_path):
    learner = learner_for(tasks, "semantic")
    how = {"steps": 3, "meta_batch": 2, "validation_episodes": 2, "progress": False}
    il.train(learner, tasks, out=tmp_path / "run", **how)
    run = il.load(tmp_path / "run")
    support = [{"findings": "HP:0000010"}, {"findings": "HP:0000013"}]
    task = run.adapt(support, ["a", "b"])
    assert task.predict([{"findings": "HP:0000010; HP:0000015"}]).tolist() == ["a"]
    [[best, other]] = task.nearest({"findings": "HP:0000010; HP:0000015"}, count=5)
    assert (best.row, best.label) == (0, "a")
    assert best.share + other.share == pytest.approx(1)
    assert "no medical device" in repr(task)
    task.save(tmp_path / "task.safetensors", standalone=True)
    again = il.load_adapted(tmp_path / "task.safetensors")
    assert again.notice == task.notice
    more = again.update([{"findings": "HP:0000020"}], ["c"])
    assert more.predict([{"findings": "HP:0000020"}]).tolist() == ["c"]
