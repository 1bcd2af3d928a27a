"""Uneven tasks drawn from classes of examples."""

import pytest
import torch
from bank_cases import numbered_bank, spelt
from hypothesis import given, settings
from hypothesis import strategies as st

from innerloop import InputError
from innerloop.tasks.images.bank import ImageStream


def stream(counts, small="refuse", **spans):
    spans = {"ways": 3, "shots": 2, "queries": 3, **spans}
    return ImageStream(name="toy/train", bank=numbered_bank(counts), small=small, **spans)


def test_the_episode_of_a_seed_is_the_one_it_has_always_been():
    drawn = stream([9] * 20).sample(1, 5)
    assert drawn.classes.tolist() == [[9, 5, 17]]
    assert spelt(drawn.support.x).tolist() == [
        [[9, 1], [9, 2], [5, 4], [5, 8], [17, 7], [17, 5]],
    ]
    assert not drawn.is_padded


def spans(least):
    return st.tuples(st.integers(least, 3), st.integers(0, 3)).map(lambda s: (s[0], s[0] + s[1]))


@settings(deadline=None)
@given(spans(2), spans(1), spans(1), st.integers(0, 2**32), st.data())
def test_ranges_hold_for_every_task(ways, shots, queries, seed, data):
    least = shots[0] + queries[0]
    sizes = st.lists(st.integers(least, least + 6), min_size=ways[1], max_size=ways[1] + 4)
    s = stream(data.draw(sizes), ways=ways, shots=shots, queries=queries)
    batch = s.sample(seed, 2, 4)
    for t, episode in enumerate(batch):
        classes = episode.classes.tolist()
        assert ways[0] <= len(set(classes)) == len(classes) <= ways[1]
        assert episode.support.ways == len(classes)
        assert s.describe(batch, t).count("/") == 1 + len(classes)
        support, query = (spelt(x[None])[0].tolist() for x in (episode.support.x, episode.query.x))
        assert len({tuple(image) for image in support + query}) == len(support) + len(query)
        asked = set()
        for place, number in enumerate(classes):
            size = s.bank.counts[number]
            here = [row for row, y in zip(support, episode.support.y, strict=True) if y == place]
            there = [row for row, y in zip(query, episode.query.y, strict=True) if y == place]
            assert {c for c, _ in here + there} == {number}
            assert shots[0] <= len(here) <= shots[1]
            assert len(there) == min(queries[1], size - len(here)) >= queries[0]
            if len(here) < size - queries[0]:
                asked.add(len(here))
        assert len(asked) <= 1, "all classes of a task give the same shots if they can"


def test_batches_of_uneven_tasks_cut_one_sequence():
    s = stream([4, 9, 12, 3, 7, 8], ways=(2, 5), shots=(1, 4), queries=(1, 6))
    four, twos = s.sample(3, 1, 4), [s.sample(3, 2 + half, 2) for half in (0, 1)]
    for leaf in (lambda e: e.support.x, lambda e: e.query.mask, lambda e: e.classes):
        assert torch.equal(leaf(four), torch.cat([leaf(two) for two in twos]))


def test_every_number_of_a_range_is_as_likely():
    drawn = stream([20] * 9, ways=(2, 5), shots=(1, 3)).sample(tasks=3000)
    ways = torch.bincount((drawn.classes >= 0).sum(1), minlength=6)[2:]
    assert ((ways - 750).abs() < 110).all()
    shots = drawn.support.mask.sum(1) / (drawn.classes >= 0).sum(1)
    assert ((torch.bincount(shots.long(), minlength=4)[1:] - 1000).abs() < 130).all()


def test_small_classes_are_named_and_left_out_where_that_is_asked_for():
    with pytest.warns(
        UserWarning, match=r"2 of 5 classes have fewer .* = 2 \+ 3 .*'g0/00', 'g1/03'"
    ):
        s = stream([4, 5, 9, 1, 5], small="leave out")
    assert s.left_out == ["g0/00", "g1/03"]
    assert set(s.sample(tasks=50).classes.unique().tolist()) == {1, 2, 4}
    assert s.class_count == 5
    with pytest.warns(UserWarning, match="1 of 5 classes"):
        assert s.replace(shots=1, queries=(1, 3), ways=4).left_out == ["g1/03"]
    with pytest.raises(InputError, match=r"toy/train has 3 with 2 \+ 3 \(the smallest, 'g1/03'"):
        stream([4, 5, 9, 1, 5], small="leave out", ways=4)


WRONG = [
    ({"ways": "many"}, r"ways must be a whole number or a range \(low, high\), got 'many'"),
    ({"shots": (3, 1)}, r"shots must be a whole number or a range \(low, high\), got \(3, 1\)"),
    ({"shots": True}, "shots must be a whole number"),
    ({"queries": (0, 3)}, "queries must be at least 1, got 0-3"),
    ({"ways": (2, 9)}, "toy/train has 3 classes, got 2-9 ways"),
]


@pytest.mark.parametrize(("spans", "sentence"), WRONG)
def test_a_range_must_make_sense(spans, sentence):
    with pytest.raises(InputError, match=sentence):
        stream([9] * 3, **spans)
