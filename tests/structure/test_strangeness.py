"""How strange a task looks: rows left out and foreseen, and the distance from where tasks usually are."""

from __future__ import annotations

import pytest
import torch
from structure_cases import classes, learner, numbers

import innerloop as il
from innerloop import Episodes, Examples, InputError
from innerloop.episodes import together
from innerloop.likelihoods import Categorical, Gaussian
from innerloop.structure.shape import Shape, drawn
from innerloop.structure.strangeness import Cloud, left_out, surprise


def rows(examples: Examples) -> list[float]:
    return examples.x.flatten(1)[:, 0].tolist()


@pytest.mark.parametrize(("count", "folds"), [(2, 2), (5, 5), (11, 5)])
def test_every_row_is_left_out_once(count, folds):
    x = torch.arange(float(count))[:, None]
    found = left_out(Examples(x, x))
    assert len(found) == folds
    assert sorted(r for fold in found for r in rows(fold.query)) == x.flatten().tolist()
    for fold in found:
        assert sorted(rows(fold.support) + rows(fold.query)) == x.flatten().tolist()


def test_of_every_class_rows_stay():
    y = torch.tensor([2, 0, 1, 0, 1, 2, 0])
    found = left_out(Examples(torch.arange(7.0)[:, None], y))
    assert len(found) == 2  # as the smallest class allows
    for fold in found:
        assert fold.support.ways == 3
        assert set(fold.support.y.tolist()) == {0, 1, 2}
    assert sorted(r for fold in found for r in rows(fold.query)) == list(range(7))


def test_a_class_of_one_row_leaves_none_out():
    support = Examples(torch.zeros(3, 1), torch.tensor([0, 1, 1]))
    [fold] = left_out(support)
    assert fold.support is support
    assert fold.query is support
    assert len(left_out(Examples(torch.zeros(1, 1), torch.zeros(1, 1)))) == 1


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_surprise_is_the_mean_over_rows_foreseen_from_the_others(kind):
    if kind == "numbers":
        made, likelihood = learner("maml", outputs=1), Gaussian()
        tasks = [numbers(tasks=1, rows=n, seed=n)[0] for n in (4, 7, 4)]
    else:
        made, likelihood = learner("protonet", outputs=0), Categorical()
        tasks = [classes(tasks=1, shots=n, seed=n)[0] for n in (2, 1, 3)]
    meta = made.init(torch.Generator().manual_seed(0))
    found = surprise(made, meta, together(tasks))
    for t, task in enumerate(tasks):
        each = []
        for fold in left_out(task.support):
            outputs = made.predict(meta, made.adapt(meta, fold.support), fold.query.x)
            each.append(likelihood.negative_log(outputs, fold.query.y))
        assert abs(found[t] - torch.cat(each).mean()) < 1e-10


def test_an_answer_that_is_not_finite_is_as_surprising_as_can_be():
    made = learner("maml", outputs=1)
    meta = made.init(torch.Generator().manual_seed(0))
    bad = il.Meta({n: p * torch.nan for n, p in meta.params.items()}, meta.state)
    assert surprise(made, bad, numbers()).tolist() == [torch.inf] * 4


def test_a_cloud_measures_in_its_own_spread():
    g = torch.Generator().manual_seed(0)
    points = torch.randn(4_000, 2, generator=g, dtype=torch.float64) * torch.tensor([1.0, 10.0])
    cloud = Cloud.of(points)
    far = cloud.distance(torch.tensor([[3.0, 0.0], [0.0, 30.0]], dtype=torch.float64))
    assert (far - 3).abs().max() < 0.2
    assert cloud.distance(torch.full((1, 2), torch.nan)).tolist() == [torch.inf]
    flat = Cloud.of(torch.cat([points, torch.ones(4_000, 1)], 1))  # a column that does not vary
    assert flat.distance(torch.tensor([[3.0, 0.0, 1.0]])).isfinite().all()


@pytest.mark.parametrize(("count", "width"), [(200, 6), (12, 40)])
def test_a_cloud_is_that_of_the_whole_covariance(count, width):
    from sklearn.covariance import ledoit_wolf

    g = torch.Generator().manual_seed(1)
    points = torch.randn(count, width, generator=g, dtype=torch.float64) * torch.arange(
        1, width + 1
    )
    covariance = torch.from_numpy(ledoit_wolf(points.numpy())[0])
    gap = torch.randn(5, width, generator=g, dtype=torch.float64) * 20
    slow = torch.einsum("td,de,te->t", gap, covariance.inverse(), gap).sqrt()
    found = Cloud.of(points)
    torch.testing.assert_close(found.distance(gap + found.mean), slow, rtol=1e-5, atol=0)


def test_features_of_thousands_of_numbers_cost_no_more_than_tasks_do():
    points = torch.randn(20, 14_000, generator=torch.Generator().manual_seed(0))
    assert sum(leaf.numel() for leaf in Cloud.of(points)) < 30 * 14_000


def test_tasks_are_cut_to_a_shape():
    batch = il.tasks.digits(ways=3, shots=4, queries=2).test.sample(tasks=5)
    cut = Shape((3, 2, 1), classes=True).cut(batch)
    assert cut.support.y.shape == (5, 6)
    for before, after in zip(batch, cut, strict=True):
        assert Shape.of(after.support) == Shape((3, 2, 1), classes=True)
        assert torch.equal(after.query.y, before.query.y)
        held = {x.sum().item() for x in before.support.x}
        assert all(x.sum().item() in held for x in after.support.x)
    assert Shape((5, 1, 1), classes=True).cut(batch) is None  # no class has as many
    assert Shape((1, 1), classes=True).cut(batch) is None  # other ways
    assert Shape((9,), classes=False).cut(numbers()) is None
    assert Shape((2,), classes=False).cut(numbers()).support.y.shape == (4, 2, 1)


def test_drawn_tasks_are_the_streams_own_whatever_the_batch():
    stream, shape = il.tasks.sinusoids(shots=9).validation, Shape((4,), classes=False)
    once = torch.cat([b.support.x for b in drawn(stream, shape, 10, seed=3, batch=10)])
    parts = torch.cat([b.support.x for b in drawn(stream, shape, 10, seed=3, batch=4)])
    assert torch.equal(once, parts)
    assert torch.equal(once, stream.replace(shots=4).sample(3, 0, 10).support.x)


def test_a_shape_that_a_stream_cannot_give_is_its_own_sentence():
    with pytest.raises(InputError, match="shots"):
        next(iter(drawn(il.tasks.digits().test, Shape((500, 500), classes=True), 5, 0)))


def test_folds_of_images_keep_their_shape():
    support = il.tasks.digits(shots=2).test.sample()[0].support
    assert left_out(support)[0].query.x.shape == (5, 1, 28, 28)
    assert isinstance(together(left_out(support)), Episodes)
