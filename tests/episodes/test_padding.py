import torch
from hypothesis import given
from hypothesis import strategies as st

from innerloop import Episode, Examples
from innerloop.episodes import together


def task(ways, shots, queries, number):
    def side(rows, first):
        y = torch.arange(ways).repeat(rows)
        return Examples({"a": first + torch.rand(len(y), 2), "b": y.double()}, y, ways=ways)

    return Episode(
        side(shots, 1), side(queries, 2), torch.tensor(number), 10 * number + torch.arange(ways)
    )


sizes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))


@given(st.lists(sizes, min_size=1, max_size=6))
def test_what_is_put_together_comes_apart_again(shapes):
    tasks = [task(*shape, number) for number, shape in enumerate(shapes)]
    batch = together(tasks)
    assert batch.is_padded == (len(set(shapes)) > 1)
    found = {}
    for numbers, group in batch.alike():
        assert not group.is_padded
        found |= {int(n): group[i] for i, n in enumerate(numbers)}
    for number, alone in enumerate(tasks):
        for other in (found[number], batch[number]):
            assert other.support.ways == alone.support.ways
            assert torch.equal(other.classes, alone.classes)
            assert other.task == alone.task
            for one, two in ((other.support, alone.support), (other.query, alone.query)):
                assert torch.equal(one.y, two.y)
                assert one.mask is None
                assert all(torch.equal(one.x[k], two.x[k]) for k in "ab")


def test_padded_batches_are_indexed_from_both_ends_and_end():
    batch = together([task(2, 1, 1, 0), task(3, 2, 1, 1)])
    assert [e.support.ways for e in batch] == [2, 3]
    assert batch[-1].support.ways == 3
    assert [e.support.ways for e in batch[:1]] == [2]
