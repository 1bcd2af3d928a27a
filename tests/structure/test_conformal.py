"""Intervals and sets that hold as often as they say, over tasks."""

from __future__ import annotations

import math

import pytest
import torch

from innerloop import InputError
from innerloop.likelihoods import Categorical, Gaussian, Normal
from innerloop.structure.conformal import interval, label_sets, miss, threshold, thresholds

INF = math.inf


def test_a_threshold_leaves_room_for_a_new_task():
    found = thresholds(torch.arange(1.0, 20.0), torch.ones(19))  # of 19 tasks, with one row each
    assert threshold(found, 0.05) == 1
    assert threshold(found, 0.9) == 18
    assert threshold(found, 0.95) == 19
    assert threshold(found, 0.951) == INF  # 20 of 20 would be needed


def test_a_task_counts_as_much_as_another_whatever_its_rows():
    few = torch.tensor([1.0, 2.0, 3.0])
    many = torch.cat([torch.full((50,), 1.0), few[1:]])
    weights = torch.cat([torch.full((50,), 1 / 50, dtype=torch.float64), torch.ones(2)])
    assert torch.equal(thresholds(few, torch.ones(3)), thresholds(many, weights))


def test_new_tasks_are_covered_as_asked_though_rows_of_one_task_go_together():
    g = torch.Generator().manual_seed(0)

    def misses(tasks: int) -> torch.Tensor:
        hard = torch.rand(tasks, 1, generator=g) * 3
        return hard * torch.rand(tasks, 8, generator=g)

    shares = []
    for _ in range(60):
        calibration, new = misses(99), misses(200)
        found = thresholds(calibration.flatten(), torch.full((99 * 8,), 1 / 8))
        shares.append((new <= threshold(found, 0.9)).double().mean())
    assert abs(torch.stack(shares).mean() - 0.9) < 0.015


def test_a_miss_is_measured_in_deviations_and_of_a_row_the_largest_counts():
    outputs = torch.tensor([[0.0, 0.0], [1.0, 5.0]])
    targets = torch.tensor([[3.0, -4.0], [1.0, 1.0]])
    assert miss(Gaussian(2.0), outputs, targets).tolist() == [2, 2]
    wide = torch.stack([outputs, torch.full_like(outputs, math.log(math.e - 1))], -1)  # std 1
    assert torch.allclose(miss(Normal(0.0), wide, targets), torch.tensor([4.0, 4.0]))


def test_an_interval_holds_just_what_misses_no_more_than_its_limit():
    g = torch.Generator().manual_seed(1)
    outputs, targets = torch.randn(50, 1, 2, generator=g), torch.randn(50, 1, generator=g)
    likelihood = Normal()
    low, high = interval(likelihood, outputs, 1.3)
    inside = ((targets >= low) & (targets <= high)).all(1)
    assert torch.equal(inside, miss(likelihood, outputs, targets) <= 1.3)
    assert inside.any()
    assert not inside.all()


def test_a_label_set_holds_just_what_misses_no_more_than_its_limit():
    g = torch.Generator().manual_seed(1)
    outputs, targets = 2 * torch.randn(60, 4, generator=g), torch.randint(4, (60,), generator=g)
    for limit in (0.0, 0.4, 0.8, 1.0):
        sets = label_sets(Categorical(), outputs, limit)
        held = sets.gather(1, targets[:, None])[:, 0]
        assert torch.equal(held, miss(Categorical(), outputs, targets) <= limit)
    assert label_sets(Categorical(), outputs, 1.0).all()
    assert not label_sets(Categorical(), torch.zeros(1, 4), 0.7).any()  # none of these


@pytest.mark.parametrize("coverage", [0, 1, -0.1, 90])
def test_a_coverage_lies_between_0_and_1(coverage):
    with pytest.raises(InputError, match=f"coverage must lie between 0 and 1, got {coverage}; 0.9"):
        threshold(torch.zeros(1001), coverage)
