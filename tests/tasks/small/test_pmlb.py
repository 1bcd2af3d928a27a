import gzip
import itertools
from collections import defaultdict

import numpy as np
import pytest
import torch

from innerloop import InputError
from innerloop.tasks import pmlb, show
from innerloop.tasks.base import SPLITS
from innerloop.tasks.small.pmlb import published, read_table, read_tables
from innerloop.tasks.small.stream import divided


@pytest.fixture(scope="module")
def tasks(pmlb_root):
    return pmlb()


def test_a_family_is_in_one_split():
    splits = defaultdict(set)
    for table in published():
        splits[table.family].add(table.split)
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == set(SPLITS)


@pytest.mark.parametrize(
    "copies",
    [
        ("cleve", "cleveland", "heart_c", "heart_statlog", "hungarian", "heart_h"),
        ("pima", "diabetes"),
        ("breast", "breast_w", "wdbc", "breast_cancer_wisconsin"),
        ("australian", "credit_a", "crx", "buggyCrx"),
        ("579_fri_c0_250_5", "658_fri_c3_250_25"),
        ("monk1", "monk2", "monk3"),
    ],
)
def test_known_copies_are_one_family(copies):
    assert len({table.family for table in published() if table.name in copies}) == 1


def test_tables_of_unlike_families_have_unlike_columns(pmlb_root):
    """Copies and recodings have columns whose values occur equally often, whatever they are."""
    profiles = {
        (table.name, table.family): [
            tuple(np.sort(counts))
            for counts in (np.unique(c, return_counts=True)[1] for c in table.x.T)
            if len(counts) >= 5 and counts.min() < counts.max()
        ]
        for table in read_tables(published())
    }
    pairs = itertools.combinations(profiles.items(), 2)
    alike = [
        (one, other)
        for (one, first), (other, second) in pairs
        if one[1] != other[1] and len(set(first) & set(second)) >= 2
    ]
    assert alike == []


def test_labelled_rows_have_every_class_and_no_row_is_on_both_sides(tasks):
    rng = np.random.default_rng(0)
    for table in tasks.test.usable:
        labelled, others = divided(table, 20, 100, rng)
        assert set(table.y[labelled]) == set(range(table.classes))
        assert not set(labelled) & set(others)
        assert len(labelled) == 20
        assert len(others) == min(100, len(table.y) - 20)


def test_batches_cut_one_sequence(tasks):
    four = tasks.test.sample(3, 5, 4)
    singles = [tasks.test.sample(3, 20 + t, 1) for t in range(4)]
    for t, single in enumerate(singles):
        assert torch.equal(four[t].support.x, single[0].support.x)
        assert torch.equal(four[t].query.y, single[0].query.y)
        assert four.task[t] == single.task[0]


def test_a_task_is_scaled_by_its_labelled_rows_and_filled_with_zeros(tasks):
    episode = tasks.test.sample(tasks=1)[0]
    name = tasks.test.describe(tasks.test.sample(tasks=1), 0)
    width = next(t.x.shape[1] for t in tasks.test.tables if repr(t.name) in name)
    assert episode.support.x[:, width:].abs().sum() == 0
    lengths = episode.support.x[:, :width].square().mean(0)
    varies = lengths > 0
    assert torch.allclose(lengths[varies], torch.tensor(30.0 / width), rtol=0.6)


def test_numbers_to_predict_are_in_deviations_of_the_labelled_ones(pmlb_root):
    episode = pmlb(kind="regression", shots=50, queries=10).train.sample()[0]
    assert episode.support.y.shape == (50, 1)
    assert abs(float(episode.support.y.mean())) < 1e-5
    assert abs(float(episode.support.y.square().mean()) - 1) < 1e-4


def test_what_is_drawn_is_shown(tasks):
    held = show(tasks)["splits"]["test"]
    assert held["tables"] == len(held["groups"]) == len(tasks.test.usable)
    assert held["groups"]["titanic"] == {
        "family": "titanic",
        "rows": 2201,
        "features": 3,
        "classes": 2,
    }


def test_small_tables_are_left_out_and_named(tasks):
    assert "(analcatdata_aids" in pmlb(shots=50).test.notes[0]


def test_a_split_without_such_tables_is_refused(pmlb_root):
    with pytest.raises(InputError, match="no table with 45 rows and 9 classes"):
        pmlb(ways=9)


def test_a_regression_has_no_ways(pmlb_root):
    with pytest.raises(InputError, match="regression and has no classes"):
        pmlb(kind="regression", ways=3)


def test_a_changed_table_is_refused(tmp_path):
    expected = next(table for table in published() if table.name == "iris")
    (tmp_path / "iris.tsv.gz").write_bytes(gzip.compress(b"a\ttarget\n1\t0\n"))
    with pytest.raises(InputError, match="must hold the table as published"):
        read_table(tmp_path / "iris.tsv.gz", expected, 0)
