import pytest
import torch

from innerloop import InputError
from innerloop.tasks import linear_regression


def least_squares(support, query):
    weights = torch.linalg.lstsq(support.x.double(), support.y.double(), driver="gelsd").solution
    return (query.x.double() @ weights - query.y.double()).square().mean()


def test_batches_cut_one_sequence():
    stream = linear_regression(dimensions=3, noise=0.5).train
    four, twos = stream.sample(3, 2, 4), [stream.sample(3, index, 2) for index in (4, 5)]
    assert torch.equal(four.query.y, torch.cat([two.query.y for two in twos]))
    assert torch.equal(four.support.x, torch.cat([two.support.x for two in twos]))


@pytest.mark.parametrize(("shots", "error"), [(1, 5), (3, 3), (5, 1), (6, 0), (12, 0)])
def test_least_squares_has_the_error_that_is_said(shots, error):
    drawn = linear_regression(dimensions=6, shots=shots).test.sample(tasks=3000)
    found = least_squares(drawn.support, drawn.query)
    assert float(found) == pytest.approx(error, abs=0.15 if error else 1e-4)


def test_noise_is_in_support_and_query():
    """With n shots in d dimensions least squares has noise^2 (1 + d / (n - d - 1))."""
    drawn = linear_regression(dimensions=3, noise=0.5, shots=14).test.sample(tasks=2000)
    found = least_squares(drawn.support, drawn.query)
    assert float(found) == pytest.approx(0.25 * 1.3, rel=0.06)


def test_inputs_are_standard_normal():
    x = linear_regression(dimensions=4, shots=20).train.sample(tasks=500).support.x.flatten(0, 1)
    assert x.mean(0).abs().max() < 0.04
    assert (x.T @ x / len(x) - torch.eye(4)).abs().max() < 0.06


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimensions": 0}, "dimensions must be a number of 1 to 10,000, got 0; try 5"),
        (
            {"dimensions": 9999, "shots": 20_000},
            "at most 100,000,000 numbers, got 20,010 rows of 9,9",
        ),
        ({"noise": -1.0}, "noise is a standard deviation, at least 0, got -1.0; try 0"),
        ({"noise": "loud"}, "noise must be a finite number, got 'loud'"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(InputError, match=message):
        linear_regression(**settings)
