import numpy as np
import pytest
import torch

from innerloop import InputError
from innerloop.tasks import mixture
from innerloop.tasks.mixture import NOISE

FLAT = ("sinusoid", "line", "quadratic", "cubic")


def all_rows(stream, tasks, seed=0):
    """x (T, rows, 2) and y (T, rows) of many tasks in float64, and the name of each task's family."""
    drawn = stream.sample(seed, tasks=tasks)
    x = torch.cat([drawn.support.x, drawn.query.x], 1).double()
    y = torch.cat([drawn.support.y, drawn.query.y], 1)[..., 0].double()
    kinds = stream.kinds(seed, np.arange(tasks))
    return x, y, np.array(stream.kind_names)[kinds]


def residual(features, y):
    """(T,) of least squares, an estimate of the variance of the noise."""
    fit = features @ torch.linalg.lstsq(features, y[..., None]).solution
    free = features.shape[1] - features.shape[2]
    return ((fit[..., 0] - y) ** 2).sum(1) / free


def test_batches_cut_one_sequence():
    stream = mixture().train
    four, twos = stream.sample(3, 2, 4), [stream.sample(3, index, 2) for index in (4, 5)]
    assert torch.equal(four.query.y, torch.cat([two.query.y for two in twos]))
    assert torch.equal(four.support.x, torch.cat([two.support.x for two in twos]))


def test_the_families_are_equally_likely():
    kinds = mixture().train.kinds(1, np.arange(12_000))
    often = np.bincount(kinds, minlength=6)
    assert ((often - 2000) ** 2 / 2000).sum() < 20.5  # 5 degrees of freedom, one in a thousand


@pytest.mark.parametrize(("protocol", "low"), [("released", -5), ("paper", 0)])
def test_inputs_of_either_protocol(protocol, low):
    x, _, names = all_rows(mixture(protocol=protocol).test, 600)
    flat = torch.from_numpy(np.isin(names, FLAT))
    assert (x[flat][..., 1] == 1).all()
    for drawn in (x[..., 0], x[~flat][..., 1]):
        assert low <= drawn.min() < low + 0.1
        assert 4.9 < drawn.max() <= 5


def monomials(x, name):
    a, b = x.unbind(-1)
    one = torch.ones_like(a)
    return {
        "line": [a, one],
        "quadratic": [a**2, a, one],
        "cubic": [a**3, a**2, a, one],
        "quadratic surface": [a**2, b**2],
    }[name]


@pytest.mark.parametrize(
    ("name", "ranges"),
    [
        ("line", (3, 3)),
        ("quadratic", (0.2, 2, 3)),
        ("cubic", (0.1, 0.2, 2, 3)),
        ("quadratic surface", (1, 1)),
    ],
)
def test_polynomials_are_of_their_degree_with_the_noise_that_is_said(name, ranges):
    """Least squares finds the coefficients' ranges, and leaves the noise of support and query."""
    x, y, names = all_rows(mixture(shots=100, queries=100).test, 900)
    here = torch.from_numpy(names == name)
    features = torch.stack(monomials(x[here], name), -1)
    found = torch.linalg.lstsq(features, y[here][..., None]).solution[..., 0]
    assert residual(features, y[here]).mean() == pytest.approx(NOISE**2, rel=0.03)
    for values, end in zip(found.T, ranges, strict=True):
        width = values.std() * 12**0.5  # of a uniform distribution around 0
        assert float(width) == pytest.approx(2 * end, rel=0.15)


def sine_left(w, x, y):
    a = x[..., 0]
    return residual(torch.stack([torch.sin(w * a), torch.cos(w * a)], -1), y)


def ripple_left(c, x, y):
    wave = torch.sin(-c * x.square().sum(-1))
    return residual(torch.ones_like(wave)[..., None], y - wave)


@pytest.mark.parametrize(
    ("name", "left", "search"),
    [("sinusoid", sine_left, (0.8, 1.2, 41)), ("ripple", ripple_left, (-0.2, 0.2, 161))],
)
def test_sines_and_ripples_are_their_own_functions(name, left, search):
    """One parameter is searched for in its range, the others follow by least squares."""
    x, y, names = all_rows(mixture(shots=100, queries=100).test, 1200)
    here = torch.from_numpy(names == name)
    found = torch.stack([left(c, x[here], y[here]) for c in torch.linspace(*search).tolist()])
    best, where = found.min(0)
    assert best.mean() == pytest.approx(NOISE**2, rel=0.03)
    assert best.max() < 0.15
    assert where.double().std() == pytest.approx(search[2] / 12**0.5, rel=0.15)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(InputError, match="protocol must be one of released, paper, got 'both'"):
        mixture(protocol="both")
