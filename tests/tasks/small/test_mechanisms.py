import numpy as np
import pytest
import torch

from innerloop.tasks.small.mechanisms import MECHANISMS, relevance, unit
from innerloop.tasks.small.numbers import Numbers
from innerloop.tasks.small.shaping import as_classes, as_columns, with_every_class

FEATURES, ROWS, WAYS = 8, 60, 3


def numbers(tasks, first=0):
    return Numbers([np.random.default_rng(first + t) for t in range(tasks)])


def there(tasks, many=FEATURES):
    return (torch.arange(FEATURES) < many).expand(tasks, 1, FEATURES)


@pytest.mark.parametrize("name", MECHANISMS)
def test_tasks_are_what_each_would_be_alone(name):
    many = MECHANISMS[name](numbers(5), ROWS, there(5), WAYS)
    alone = MECHANISMS[name](numbers(1, first=3), ROWS, there(1), WAYS)
    assert many.x.shape == (5, ROWS, FEATURES)
    assert many.scores.shape == (5, ROWS, WAYS)
    for both, single in zip(many, alone, strict=True):
        assert torch.allclose(both[3], single[0], atol=1e-4)


@pytest.mark.parametrize("name", MECHANISMS)
def test_everything_is_finite_and_varies(name):
    found = MECHANISMS[name](numbers(200), ROWS, there(200), WAYS)
    assert all(leaf.isfinite().all() for leaf in found)
    assert (found.x.std(1) > 0).float().mean() > 0.95
    assert (found.scores.std(1) > 0).float().mean() > 0.95


@pytest.mark.parametrize("name", MECHANISMS)
def test_features_tell_of_the_scores(name):
    """A row's nearest neighbour has a score that is nearer to its own than a stranger's."""
    x, scores = MECHANISMS[name](numbers(200), ROWS, there(200), WAYS)
    scores = unit(scores)
    nearest = (torch.cdist(x, x) + 1e9 * torch.eye(ROWS)).argmin(-1)
    neighbours = scores.gather(1, nearest[..., None].expand_as(scores))
    near = (scores - neighbours).square().mean()
    far = (scores - scores.roll(1, 1)).square().mean()
    assert near < 0.9 * far


def test_features_that_are_not_seen_matter_little():
    weights = relevance(numbers(200), there(200, many=4)).square()
    assert torch.allclose(weights.sum(-1), torch.ones(200, 1))
    assert weights[..., 4:].sum(-1).mean() < 0.1


def test_columns_are_of_all_kinds():
    """Some have few values, some many; of those with few, some have lost their order."""
    x = torch.linspace(-2, 2, ROWS)[None, :, None].expand(200, ROWS, FEATURES)
    columns = as_columns(numbers(200), x).mT.reshape(-1, ROWS)
    few = torch.tensor([len(column.unique()) <= 8 for column in columns])
    steps = columns.diff(dim=1)
    ordered = ((steps >= 0).all(1)) | ((steps <= 0).all(1))
    assert 0.2 < few.float().mean() < 0.7
    assert ordered[~few].all()
    assert 0.02 < (~ordered[few]).float().mean() < 0.5


def test_every_class_has_a_row():
    scores = torch.randn(300, 12, 10, generator=torch.Generator().manual_seed(0))
    labels = as_classes(numbers(300), scores, 10)
    assert all(len(task.unique()) == 10 for task in labels)


def test_a_class_without_rows_is_given_the_likeliest_spare_one():
    likely = torch.tensor([[[3.0, 1.0], [3.0, 2.0], [3.0, 0.0]]])
    assert with_every_class(torch.tensor([[0, 1]]), likely).tolist() == [[0, 1, 0]]
    assert with_every_class(torch.tensor([[1, 0]]), likely).tolist() == [[1, 0, 1]]


def test_the_number_of_a_class_means_nothing():
    labels = as_classes(numbers(2000), torch.zeros(2000, 20, 2) + torch.tensor([3.0, 0.0]), 2)
    assert abs(float(labels.float().mean()) - 0.5) < 0.05
