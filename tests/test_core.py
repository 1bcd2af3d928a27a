import pytest
import torch

import innerloop as il
from innerloop import Episode, Episodes, Examples, InputError
from innerloop.core import concatenate
from innerloop.tree import tree_map


def labels(*y, **more):
    return Examples(torch.zeros(len(y), 2), torch.tensor(y), **more)


def test_ways_are_counted_from_the_labels():
    assert labels(0, 2, 1).ways == 3
    assert labels(0, 1, ways=5).ways == 5
    assert Examples(torch.zeros(2, 1), torch.zeros(2, 1)).ways is None


def test_support_and_query_speak_of_the_same_classes():
    episode = Episode(labels(0, 1, 2), labels(0, 1))
    assert (episode.support.ways, episode.query.ways) == (3, 3)


def test_rows_must_agree():
    with pytest.raises(InputError, match="x has 3 rows, y has 2"):
        Examples(torch.zeros(3, 1), torch.zeros(2, 1))
    with pytest.raises(InputError, match="x has 3 rows, y has 2"):
        Examples({"a": torch.zeros(2, 1), "b": torch.zeros(3, 1)}, torch.zeros(2, 1))


def test_labels_must_be_a_tensor():
    with pytest.raises(InputError, match=r"got list; wrap it in torch\.as_tensor"):
        Examples(torch.zeros(2, 1), [0, 1])  # type: ignore[arg-type]


def test_support_and_query_must_hold_the_same_tasks():
    x, y = torch.zeros(3, 4, 1), torch.zeros(3, 4, 1)
    with pytest.raises(InputError, match="support has 3, query 2"):
        Episodes(Examples(x, y), Examples(x[:2], y[:2]))


def test_a_batch_is_indexed_sliced_and_walked():
    x, y = torch.arange(12.0).view(3, 4, 1), torch.zeros(3, 4, 1)
    episodes = Episodes(Examples(x, y), Examples(x, y), task=torch.tensor([7, 8, 9]))
    assert isinstance(episodes[1], Episode)
    assert episodes[1].support.x[:, 0].tolist() == [4, 5, 6, 7]
    assert len(episodes[:2]) == 2
    assert isinstance(episodes[:2], Episodes)
    assert [int(e.task) for e in episodes] == [7, 8, 9]
    with pytest.raises(IndexError):
        episodes[3]


def test_x_may_be_a_tree():
    x = {"tokens": torch.zeros(2, 3, 5), "length": torch.ones(2, 3)}
    y = torch.zeros(2, 3, 1)
    episode = Episodes(Examples(x, y), Examples(x, y))[0]
    assert episode.support.x["tokens"].shape == (3, 5)


def test_examples_are_a_tree_that_keeps_ways_and_drops_what_is_none():
    doubled = tree_map(lambda leaf: leaf * 2, labels(0, 1, ways=4))
    assert doubled.ways == 4
    assert doubled.mask is None
    assert doubled.y.tolist() == [0, 2]


@pytest.mark.parametrize("masked", [(True, False), (False, True), (True, True)])
def test_rows_are_joined_with_their_masks(masked):
    mask = torch.tensor([True, False])
    first, second = (labels(0, 1, mask=mask if m else None) for m in masked)
    both = concatenate(first, second)
    assert both.y.tolist() == [0, 1, 0, 1]
    expected = [[True, False] if m else [True, True] for m in masked]
    assert both.mask is not None
    assert both.mask.tolist() == [*expected[0], *expected[1]]


def test_targets_of_several_numbers_are_joined_with_a_mask():
    y = torch.zeros(2, 3)
    joined = concatenate(
        Examples(y, y, mask=torch.tensor([True, False])),
        Examples(torch.ones(1, 3), torch.ones(1, 3)),
    )
    assert joined.mask is not None
    assert joined.mask.tolist() == [True, False, True]


def test_a_task_without_rows_or_with_rows_of_one_side_only_is_refused():
    def episodes(x, y):
        return il.Episodes(il.Examples(x, y), il.Examples(torch.zeros(3, 2, 1), torch.zeros(3, 2)))

    with pytest.raises(il.InputError, match="the support set of a task must hold at least one row"):
        episodes(torch.zeros(3, 0, 1), torch.zeros(3, 0))
    with pytest.raises(il.InputError, match=r"x is \(3, 4, 1\) and y \(3, 5, 1\); give every task"):
        episodes(torch.zeros(3, 4, 1), torch.zeros(3, 5, 1))
    with pytest.raises(il.InputError, match="must be tensors with one row per example, got float"):
        il.Examples([1.0, 2.0], torch.zeros(2))
    learner = il.maml(torch.nn.Linear(1, 1))
    with pytest.raises(il.InputError, match="the support set of a task"):
        learner.adapt(learner.init(), il.Examples(torch.zeros(0, 1), torch.zeros(0, 1)))
