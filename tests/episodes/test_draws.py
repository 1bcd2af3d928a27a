import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from innerloop.episodes import Draws


@given(st.integers(0, 2**40), st.integers(1, 12), st.integers(0, 40), st.integers(1, 4))
def test_choose_gives_different_numbers_below_the_limit(seed, count, more, tasks):
    chosen = Draws(seed, "s", np.arange(tasks)).choose(count, count + more)
    assert chosen.shape == (tasks, count)
    assert chosen.min() >= 0
    assert chosen.max() < count + more
    assert all(len(set(row)) == count for row in chosen.tolist())


@given(st.integers(0, 1000), st.lists(st.integers(3, 30), min_size=4, max_size=4))
def test_choose_from_uneven_groups_is_what_each_task_would_choose_alone(seed, sizes):
    among = np.array(sizes).reshape(2, 2)
    both = Draws(seed, "s", [8, 9]).choose(3, among)
    alone = Draws(seed, "s", [9]).choose(3, among[1:])
    assert both.shape == (2, 2, 3)
    assert (both < among[..., None]).all()
    assert (both[1] == alone[0]).all()


def test_every_ordered_choice_is_equally_likely():
    drawn = Draws(0, "law", np.arange(60_000)).choose(3, 5)
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == 60
    chi_square = ((counts - 1000) ** 2 / 1000).sum()
    assert chi_square < 98.3  # 59 degrees of freedom, one in a thousand
