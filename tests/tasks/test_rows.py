import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from innerloop import InputError
from innerloop.tasks import linear
from innerloop.tasks.base import SPLITS
from innerloop.tasks.rows import RowStream


class Counting(RowStream):
    """Row r of task t is (t, r), and its target their sum."""

    def make(self, draws, rows):
        task = torch.from_numpy(draws.episodes)[:, None].expand(-1, rows)
        x = torch.stack([task, torch.arange(rows).expand(len(draws), -1)], -1).double()
        return x, x.sum(-1, keepdim=True)


def counting(**settings):
    return Counting(**{"name": "counting/train", "shots": (1, 6), "queries": (2, 9)} | settings)


def test_support_comes_first_then_query_and_padding_holds_nothing():
    batch = counting(block=1).sample(seed=3, tasks=40)
    assert batch.is_padded
    for t, episode in enumerate(batch):
        shots, queries = len(episode.support.y), len(episode.query.y)
        assert episode.support.x[:, 1].tolist() == list(range(shots))
        assert episode.query.x[:, 1].tolist() == list(range(shots, shots + queries))
        assert (episode.query.x[:, 0] == t).all()
        assert batch.support.x[t, shots:].abs().sum() == 0
        assert batch.query.x[t, queries:].abs().sum() == 0


@given(st.integers(0, 2**40), st.integers(0, 1000), st.integers(1, 30))
def test_a_batch_within_a_block_is_not_padded(seed, index, block):
    batch = counting(block=block).sample(seed, index, block)
    assert not batch.is_padded


@given(st.integers(0, 2**40), st.integers(1, 7), st.integers(0, 60))
def test_a_task_is_what_it_is_in_any_batch(seed, block, number):
    stream = counting(block=block)
    alone = stream.numbered(seed, np.array([number]))[0]
    among = stream.sample(seed, 0, number + 5)[number]
    for side in ("support", "query"):
        assert torch.equal(getattr(alone, side).x, getattr(among, side).x)
        assert torch.equal(getattr(alone, side).y, getattr(among, side).y)


def test_counts_are_as_likely_as_each_other_and_splits_have_their_own():
    numbers = np.arange(0, 16 * 6000, 16)
    shots, queries = counting().counts(0, numbers)
    for found, low, high in ((shots, 1, 6), (queries, 2, 9)):
        values, often = np.unique(found, return_counts=True)
        assert values.tolist() == list(range(low, high + 1))
        expected = len(numbers) / len(values)
        assert ((often - expected) ** 2 / expected).sum() < 30  # at most 7 degrees of freedom
    other, _ = counting(name="counting/test").counts(0, numbers)
    assert (shots != other).any()


def test_a_range_of_queries_ends_where_the_rows_do():
    shots, queries = counting(rows=8, block=1).counts(0, np.arange(2000))
    assert (shots + queries).max() == counting(rows=8).most_rows == 8
    for given_shots in range(1, 7):
        there = queries[shots == given_shots]
        assert (there.min(), there.max()) == (2, 8 - given_shots)
    _, fewest = counting(rows=4, shots=5).counts(0, np.arange(50))
    assert (fewest == 2).all()
    _, fixed = counting(rows=8, shots=5, queries=9).counts(0, np.arange(50))
    assert (fixed == 9).all()


def test_numbers_are_not_drawn():
    batch = counting(shots=4, queries=3, block=1).sample(tasks=9)
    assert batch.support.x.shape == (9, 4, 2)
    assert batch.query.y.shape == (9, 3, 1)
    assert not batch.is_padded


def test_a_range_of_shots_is_remembered_by_the_family():
    tasks = linear(shots=(2, 5), queries=[1, 3])
    again = linear(**tasks.settings)
    for split in SPLITS:
        assert again.split(split) == tasks.split(split)
    assert len(tasks.replace(shots=7).test.sample()[0].support.y) == 7


def test_kinds_are_for_families_that_have_them():
    assert linear().train.kind_names == ()
    assert linear().train.kinds(0, np.arange(3)) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"queries": (0, 3)}, "queries must be at least 1, got 0-3; a task needs rows"),
        ({"block": 0}, "block must be at least 1, got 0; leave it out"),
        ({"rows": -1}, "rows must be at least 1, got -1; leave it out"),
        ({"ways": 2}, "counting is regression and has no classes"),
    ],
)
def test_what_no_task_can_have_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        counting(**settings)
