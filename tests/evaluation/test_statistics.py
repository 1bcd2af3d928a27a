"""Laws of intervals and calibration, on simulated values."""

import math

import pytest
import torch

from innerloop.evaluation import expected_calibration_error, mean_and_ci95, reliability


@pytest.mark.parametrize("tasks", [3, 20])
def test_the_interval_holds_the_truth_95_times_of_100(tasks):
    values = torch.randn(2_000, tasks, generator=torch.Generator().manual_seed(0)) + 7.0
    found = [mean_and_ci95(row) for row in values]
    covered = sum(abs(mean - 7.0) <= ci95 for mean, ci95 in found) / len(found)
    assert 0.93 <= covered <= 0.97


def test_also_for_accuracies_of_600_tasks():
    hits = torch.rand(2_000, 600, 15, generator=torch.Generator().manual_seed(0)) < 0.9
    found = [mean_and_ci95(row) for row in hits.float().mean(-1)]
    covered = sum(abs(mean - 0.9) <= ci95 for mean, ci95 in found) / len(found)
    assert 0.93 <= covered <= 0.97


def test_one_value_has_no_interval():
    mean, ci95 = mean_and_ci95(torch.tensor([3.0]))
    assert mean == 3.0
    assert math.isnan(ci95)


def test_a_calibrated_predictor_has_no_calibration_error():
    generator = torch.Generator().manual_seed(0)
    errors = []
    for rows in (1_000, 200_000):
        confidence = 0.2 + 0.8 * torch.rand(rows, generator=generator)
        correct = torch.rand(rows, generator=generator) < confidence
        errors.append(expected_calibration_error(confidence, correct))
    assert errors[1] < 0.005 < errors[0] < 0.06


def test_an_overconfident_predictor_has_its_excess_as_error():
    generator = torch.Generator().manual_seed(0)
    confidence = torch.full((100_000,), 0.9)
    correct = torch.rand(100_000, generator=generator) < 0.6
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.3, abs=0.01)


def test_the_reliability_curve_counts_every_answer():
    curve = reliability(torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0, 1, 1]))
    assert curve.count.shape == (15,)
    assert int(curve.count.sum()) == 3
    assert curve.to_json() == {
        "confidence": [0.0, 0.5, 1.0],
        "accuracy": [0.0, 1.0, 1.0],
        "count": [1, 1, 1],
    }
