"""A logistic regression as the inner loop: where it ends, and what may not matter to it."""

from __future__ import annotations

import pytest
import torch

import innerloop as il
from innerloop import Examples, InputError


def episode(rows, features, ways=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(rows) % ways
    centres = torch.randn(ways, features, generator=g, dtype=torch.float64)
    x = centres[y] + torch.randn(rows, features, generator=g, dtype=torch.float64)
    return Examples(x, y, ways=ways)


def fitted(support, strength=0.3, steps=1_500):
    learner = il.logistic(torch.nn.Identity(), strength=strength, inner_steps=steps)
    meta = learner.init()
    meta = il.Meta({n: p.double() for n, p in meta.params.items()}, meta.state)
    return learner, meta, learner.adapt(meta, support)


def slopes(support, fast, counts, strength=0.3):
    """Of the objective in W and b, by autograd and not by the formula of the solver."""
    weight, bias = fast["weight"].clone().requires_grad_(), fast["bias"].clone().requires_grad_()
    losses = torch.nn.functional.cross_entropy(
        support.x @ weight + bias, support.y, reduction="none"
    )
    total = (counts * losses).sum() + strength / 2 * weight.square().sum()
    return torch.autograd.grad(total, (weight, bias))


@pytest.mark.parametrize(("rows", "features"), [(9, 20), (30, 4)])
def test_at_the_end_the_slope_is_zero(rows, features):
    support = episode(rows, features)
    _, _, fast = fitted(support)
    for slope in slopes(support, fast, torch.ones(rows)):
        assert slope.abs().max() < 1e-6


def test_a_class_with_more_examples_counts_as_much_as_another():
    support = episode(12, 5)
    uneven = Examples(support.x[:10], torch.tensor([0] * 6 + [1] * 3 + [2]), ways=3)
    _, _, fast = fitted(uneven)
    counts = (10 / 3 / torch.tensor([6.0, 3.0, 1.0], dtype=torch.float64))[uneven.y]
    for slope in slopes(uneven, fast, counts):
        assert slope.abs().max() < 1e-6


@pytest.mark.parametrize("features", [3, 40])
def test_rows_that_pad_change_nothing(features):
    support = episode(9, features)
    padded = Examples(
        torch.cat([support.x, torch.full((2, features), 7.0, dtype=torch.float64)]),
        torch.cat([support.y, torch.tensor([0, 2])]),
        mask=torch.tensor([True] * 9 + [False] * 2),
        ways=3,
    )
    _, _, fast = fitted(support, steps=40)
    _, _, other = fitted(padded, steps=40)
    assert (fast["weight"] - other["weight"]).abs().max() < 1e-10
    assert (fast["bias"] - other["bias"]).abs().max() < 1e-10


def test_renaming_the_classes_renames_the_answers():
    support, order = episode(9, 20), torch.tensor([2, 0, 1])
    learner, meta, fast = fitted(support, steps=30)
    renamed = learner.adapt(meta, Examples(support.x, order[support.y], ways=3))
    x = torch.randn(7, 20, dtype=torch.float64)
    plain, other = learner.predict(meta, fast, x), learner.predict(meta, renamed, x)
    assert (plain - other[:, order]).abs().max() < 1e-10


def test_a_class_without_examples_is_no_answer():
    support = episode(9, 20, ways=3)
    learner, meta, fast = fitted(Examples(support.x, support.y, ways=4), steps=30)
    chances = learner.predict(meta, fast, support.x).softmax(1)
    assert chances[:, 3].max() == 0
    assert torch.equal(chances.argmax(1), support.y)


def test_many_classes_of_one_example_each_are_told_apart():
    support = episode(150, 64, ways=150)
    learner, meta, fast = fitted(support, strength=0.1, steps=30)
    assert torch.equal(learner.predict(meta, fast, support.x).argmax(1), support.y)


def test_numbers_and_settings_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="logistic tells classes apart"):
        il.logistic(torch.nn.Identity()).adapt(
            il.logistic().init(), Examples(torch.ones(2, 1), torch.ones(2, 1))
        )
    with pytest.raises(InputError, match="inner_steps"):
        il.logistic(inner_steps=0)
    with pytest.raises(InputError, match="strength must be a finite number above 0, got 0"):
        il.logistic(strength=0.0)
