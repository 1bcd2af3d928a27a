import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from innerloop import InputError
from innerloop.tasks import gaussian_processes
from innerloop.tasks.gaussian_processes import KERNELS, NOISE, Hyperparameters

EVERY = pytest.mark.parametrize("kernel", KERNELS)


@EVERY
def test_batches_cut_one_sequence(kernel):
    stream = gaussian_processes(kernel=kernel, block=4).validation
    four = stream.sample(5, 2, 4)
    twos = [stream.sample(5, index, 2) for index in (4, 5)]
    for side in ("support", "query"):
        for leaf in ("x", "y"):
            halves = torch.cat([getattr(getattr(two, side), leaf) for two in twos])
            assert torch.equal(getattr(getattr(four, side), leaf), halves)


def test_the_published_protocol():
    stream = gaussian_processes().train
    shots, queries = stream.counts(0, np.arange(0, 16 * 20_000, 16))
    assert (shots.min(), shots.max(), queries.min(), queries.max()) == (3, 46, 3, 46)
    assert (shots + queries).max() == stream.most_rows == 49
    batch = stream.sample(tasks=16)
    assert batch.support.x.abs().max() <= 2
    assert batch.query.y.dtype == torch.float32
    at = stream.hyperparameters(0, np.arange(5000))
    for value, low, high in ((at.length, 0.1, 0.6), (at.scale, 0.1, 1), (at.period, 0.1, 0.5)):
        assert low <= value.min() < low + 0.01
        assert high - 0.01 < value.max() <= high + 1e-6


def test_kernels_at_a_distance():
    at = Hyperparameters(*(torch.tensor(v, dtype=torch.float64) for v in (0.5, 1.0, 0.4)))
    distance = torch.tensor([0.0, 0.5, 0.4], dtype=torch.float64)
    found = {name: kernel(distance, at).tolist() for name, kernel in KERNELS.items()}
    assert found["rbf"] == pytest.approx([1, np.exp(-0.5), np.exp(-0.32)])
    five = 5**0.5
    assert found["matern"][:2] == pytest.approx([1, (1 + five + 5 / 3) * np.exp(-five)])
    assert found["periodic"] == pytest.approx([1, np.exp(-4), 1])  # sin(5 pi / 4)^2 / 0.25 = 2


@EVERY
def test_what_is_drawn_has_the_covariance_that_is_claimed(kernel):
    """Whitened by it, the rows of many tasks are standard normal and independent."""
    stream = gaussian_processes(kernel=kernel, shots=6, queries=2).test
    numbers = np.arange(4000)
    drawn = stream.numbered(3, numbers)
    x = torch.cat([drawn.support.x, drawn.query.x], 1)
    y = torch.cat([drawn.support.y, drawn.query.y], 1).double()
    covariance = stream.covariance(stream.hyperparameters(3, numbers), x)
    assert torch.allclose(covariance, covariance.mT)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), y, upper=False)[..., 0]
    assert white.mean(0).abs().max() < 4 / 4000**0.5
    assert (white.T @ white / 4000 - torch.eye(8)).abs().max() < 0.1


@EVERY
def test_the_oracle_is_the_conditional_of_the_whole(kernel):
    """Against the textbook's conditional, in batches with padding as well as without."""
    stream = gaussian_processes(kernel=kernel, block=3).test
    numbers = np.arange(8)
    each, jointly = stream.oracle(1, numbers)
    at = stream.hyperparameters(1, numbers)
    for t, episode in enumerate(stream.numbered(1, numbers)):
        here = Hyperparameters(*(value[t : t + 1] for value in at))
        s = len(episode.support.y)
        k = stream.covariance(here, torch.cat([episode.support.x, episode.query.x])[None])[0]
        weights = torch.linalg.solve(k[:s, :s], k[:s, s:]).T
        mean = weights @ episode.support.y[:, 0].double()
        covariance = k[s:, s:] - weights @ k[:s, s:]
        y = episode.query.y[:, 0].double()
        alone = Normal(mean, covariance.diagonal().sqrt()).log_prob(y).mean()
        together = MultivariateNormal(mean, (covariance + covariance.T) / 2).log_prob(y) / len(y)
        assert each[t] == pytest.approx(float(alone), abs=1e-6)
        assert jointly[t] == pytest.approx(float(together), abs=1e-6)


@pytest.mark.parametrize(
    ("kernel", "each", "jointly"),
    [("rbf", 1.511, 1.802), ("matern", 1.116, 1.387), ("periodic", 1.187, 1.487)],
)
def test_the_oracle_is_as_good_as_it_was_computed_elsewhere(kernel, each, jointly):
    """Figures of an independent computation, per batch of 16 tasks as in the papers."""
    stream = gaussian_processes(kernel=kernel).test
    found = torch.stack(stream.oracle(0, np.arange(16 * 300))).view(2, 300, 16).mean((1, 2))
    assert found.tolist() == pytest.approx([each, jointly], abs=0.12)


def test_noise_is_what_even_the_oracle_cannot_know():
    each, jointly = gaussian_processes(shots=300, queries=5).test.oracle(0, np.arange(20))
    ceiling = -np.log(NOISE) - 0.5 * np.log(2 * np.pi) - 0.5
    assert each.mean() == pytest.approx(ceiling, abs=0.3)
    assert jointly.mean() == pytest.approx(ceiling, abs=0.3)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(
        InputError, match="kernel must be one of rbf, matern, periodic, got 'cubic'"
    ):
        gaussian_processes(kernel="cubic")


def test_more_rows_than_can_be_drawn_are_refused():
    with pytest.raises(
        InputError, match=r"at most 1,000 rows .* got 2,003; lower shots or queries"
    ):
        gaussian_processes(shots=2000)
