import numpy as np
import pytest
import torch

from innerloop import InputError
from innerloop.tasks import structural


@pytest.fixture(scope="module")
def stream():
    return structural().train


def test_batches_cut_one_sequence(stream):
    batch = stream.sample(seed=3, index=2, tasks=24)
    for t in (0, 13, 23):
        number = int(batch.task[t])
        alone, same = stream.numbered(3, np.array([number]))[0], batch[t]
        for side in ("support", "query"):
            assert torch.allclose(getattr(alone, side).x, getattr(same, side).x, atol=1e-4)
            assert torch.equal(getattr(alone, side).y, getattr(same, side).y)


def test_a_batch_within_a_block_has_no_padding(stream):
    assert not stream.sample(tasks=16).is_padded
    assert stream.sample(tasks=64).is_padded


def test_each_class_has_a_labelled_row(stream):
    for index in range(12):
        batch = stream.sample(index=index, tasks=16)
        for task in batch.support.y:
            assert set(task.tolist()) == set(range(batch.support.ways))


def test_shapes_are_as_asked_for(stream):
    shapes = stream.shapes(0, np.arange(16_000))
    assert (shapes[:16] == shapes[0]).all()
    ways, shots, queries = shapes[::16].T
    assert (ways.min(), ways.max()) == (2, 10)
    assert (shots.min(), shots.max()) == (10, 60)
    assert set(queries) == {40}
    assert 0.4 < (ways == 2).mean() < 0.6


def test_rows_are_scaled_by_the_labelled_ones_and_filled_up(stream):
    x = stream.sample(tasks=16).support.x  # (T, S, 30)
    assert x.mean(1).abs().max() < 0.7  # not exactly 0, since outliers are cut off
    there = (x != 0).any(1)
    many = there.sum(1)
    assert 2 <= many.min() < many.max() <= 30
    squares = (x.square().mean(1) * there).sum(1)
    assert ((squares > 15) & (squares < 31)).all()


def test_splits_do_not_share_tables():
    tasks = structural()
    assert not torch.equal(tasks.train.sample().support.x, tasks.test.sample().support.x)


def test_kinds_name_the_mechanisms(stream):
    kinds = stream.kinds(0, np.arange(1000))
    assert sorted(set(kinds)) == list(range(len(stream.kind_names)))


def test_few_rows_have_few_classes():
    batch = structural(shots=3, queries=2).train.sample(tasks=64)
    assert batch.support.ways <= 3


def test_features_up_to_a_limit():
    assert structural(features=(1, 4)).outputs == 10
    assert structural(features=5).train.sample().support.x.shape[-1] == 5


def test_more_classes_than_labelled_rows_are_refused():
    with pytest.raises(InputError, match=r"each of 5 ways needs a labelled row, got shots=4 rows"):
        structural(ways=5, shots=4)
    with pytest.raises(InputError, match="queries must be at least 1, got 0"):
        structural(queries=0)
