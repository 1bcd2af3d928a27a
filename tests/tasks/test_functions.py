import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from innerloop import InputError
from innerloop.tasks import linear, sinusoids

FAMILIES = [sinusoids, linear]


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=st.integers(0, 2**40), index=st.integers(0, 1000))
def test_batches_cut_one_sequence(family, seed, index):
    stream = family().train
    four = stream.sample(seed, index, 4)
    twos = [stream.sample(seed, 2 * index + half, 2) for half in (0, 1)]
    for side in ("support", "query"):
        for leaf in ("x", "y"):
            halves = [getattr(getattr(two, side), leaf) for two in twos]
            assert torch.equal(getattr(getattr(four, side), leaf), torch.cat(halves))


@pytest.mark.parametrize("family", FAMILIES)
def test_splits_do_not_share_random_numbers(family):
    tasks = family()
    assert not torch.equal(tasks.train.sample().support.x, tasks.test.sample().support.x)


def test_support_and_query_of_a_line_lie_on_one_line():
    episodes = linear(shots=2).test.sample(tasks=50)
    x, y = episodes.support.x.double(), episodes.support.y.double()
    slope = (y[:, 1] - y[:, 0]) / (x[:, 1] - x[:, 0])
    on_line = y[:, :1] + slope[:, None] * (episodes.query.x - x[:, :1])
    assert torch.allclose(on_line, episodes.query.y.double(), atol=1e-3)


def test_sinusoids_stay_within_their_amplitude():
    y = sinusoids().train.sample(tasks=500).support.y
    assert y.abs().max() <= 5
    assert y.abs().amax((1, 2)).min() > 0.01


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_needs_rows(family):
    with pytest.raises(InputError, match="shots must be at least 1, got 0; a task needs rows"):
        family(shots=0)
