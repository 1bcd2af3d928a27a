"""What outputs say about a target: densities that integrate to one, and quantiles that invert them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from innerloop import InputError
from innerloop.likelihoods import Mixture, Normal

numbers = st.floats(-3, 3)


def normal(mean: float, raw: float) -> torch.Tensor:
    return torch.tensor([[[mean, raw]]], dtype=torch.float64)


def mixture(*parts: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor([[parts]], dtype=torch.float64)  # (1, 1, M, 3)


@settings(deadline=None)
@given(numbers, numbers)
def test_a_normal_s_density_is_torch_s_own(mean, raw):
    outputs, y = normal(mean, raw), torch.tensor([[0.3]], dtype=torch.float64)
    std = Normal().std(outputs)
    expected = -torch.distributions.Normal(mean, std).log_prob(y).sum(1)
    torch.testing.assert_close(Normal().negative_log(outputs, y), expected)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4))
def test_a_mixture_s_density_integrates_to_one_and_has_its_mean_and_spread(parts):
    outputs = mixture(*parts)
    y = torch.linspace(-40, 40, 40_001, dtype=torch.float64)[:, None]
    density = (-Mixture(0.05).negative_log(outputs.expand(len(y), -1, -1, -1), y)).exp()
    step, y = 80 / 40_000, y[:, 0]
    assert float(density.sum() * step) == pytest.approx(1, abs=1e-3)
    mean = float((density * y).sum() * step)
    assert mean == pytest.approx(float(Mixture(0.05).answer(outputs)), abs=1e-2)
    variance = float((density * (y - mean) ** 2).sum() * step)
    assert math.sqrt(variance) == pytest.approx(float(Mixture(0.05).std(outputs)), abs=1e-2)


@settings(deadline=None)
@given(
    st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=4), st.floats(0.02, 0.98)
)
def test_quantiles_invert_the_share_below(parts, share):
    for likelihood, outputs in ((Mixture(), mixture(*parts)), (Normal(), normal(*parts[0][1:]))):
        value = likelihood.quantile(outputs, share)
        assert float(likelihood.below(outputs, value)) == pytest.approx(share, abs=1e-6)


def test_a_mixture_of_one_is_a_normal():
    outputs, y = normal(0.5, -1.0), torch.tensor([[2.0]], dtype=torch.float64)
    one = torch.cat([torch.zeros(1, 1, 1, dtype=torch.float64), outputs], -1)[:, :, None]
    torch.testing.assert_close(Mixture().negative_log(one, y), Normal().negative_log(outputs, y))


@pytest.mark.parametrize("share", [0.0, 1.0, -2.0, math.nan])
def test_a_share_outside_nought_and_one_is_refused(share):
    with pytest.raises(InputError, match="must lie between 0 and 1"):
        Normal().quantile(normal(0, 0), share)
