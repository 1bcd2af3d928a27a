"""p-values that are what they claim, and how well they tell strange tasks."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from innerloop import InputError
from innerloop.structure import auroc, firing
from innerloop.structure.familiar import p_values


def draws(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("columns", [1, 2])
def test_usual_tasks_have_uniform_p_values(columns):
    """On average over calibrations p <= a in a share a, also where the columns go together."""
    shares = []
    for seed in range(150):
        both = draws(120, 1, seed=seed) + 0.5 * draws(120, columns, seed=1_000 + seed)
        p = p_values(both[:99], torch.ones(99), both[99:])
        shares.append((p[:, None] <= torch.tensor([0.05, 0.2, 0.5])).double().mean(0))
    found = torch.stack(shares).mean(0)
    assert (found - torch.tensor([0.05, 0.2, 0.5])).abs().max() < 0.03
    assert found[0] <= 0.06


def test_one_column_is_the_plain_conformal_p_value():
    usual, new = draws(50, 1), draws(7, 1, seed=1)
    plain = (1 + (usual[:, 0] >= new).double().sum(1)) / 51
    assert (p_values(usual, torch.ones(50), new) - plain).abs().max() < 1e-12


def test_a_task_that_is_strange_in_one_way_is_strange():
    usual = draws(199, 2)
    assert p_values(usual, torch.ones(199), torch.tensor([[0.0, 50.0], [50.0, 0.0]])).max() < 0.05
    assert p_values(usual, torch.ones(199), torch.tensor([[torch.inf, torch.inf]])) == 1 / 200
    assert p_values(usual, torch.ones(199), torch.zeros(1, 2)) > 0.2


def test_a_task_drawn_twice_counts_once():
    usual, new = draws(20, 2), draws(5, 2, seed=1)
    once = p_values(usual, torch.ones(20), new)
    twice = p_values(usual.repeat(2, 1), torch.full((40,), 0.5), new)
    assert (once - twice).abs().max() < 1e-12


def test_the_firing_rate_has_an_exact_interval():
    none, some, every = (
        firing(torch.tensor(p)) for p in ([1.0] * 20, [0.01] * 2 + [1.0] * 18, [0.0] * 20)
    )
    assert (none.low, every.high) == (0, 1)
    assert math.isclose(none.high, 1 - 0.025 ** (1 / 20), rel_tol=1e-9)  # known in closed form
    assert math.isclose(every.low, 0.025 ** (1 / 20), rel_tol=1e-9)
    assert some.share == 0.1
    assert (round(some.low, 4), round(some.high, 4)) == (0.0123, 0.317)  # of tables
    assert str(some) == "p < 0.05 on 10.0 % of 20 tasks (95 % interval 1.2 to 31.7 %)"
    with pytest.raises(InputError, match="alpha must lie between 0 and 1, got 0"):
        firing(torch.ones(3), 0)


def test_auroc_is_that_of_scikit_learn_with_an_interval_that_holds():
    usual, unusual = draws(40), draws(30, seed=1) + 1
    labels = [0] * 40 + [1] * 30
    found = auroc(usual, unusual)
    assert math.isclose(found.value, roc_auc_score(labels, torch.cat([usual, unusual])))
    truth = 0.5 * math.erfc(-1 / 2)  # of two normals one deviation apart
    held = [
        abs(each.value - truth) < each.ci95
        for each in (auroc(draws(40, seed=s), draws(30, seed=s + 500) + 1) for s in range(300))
    ]
    assert 0.9 < sum(held) / len(held) < 0.98
    with pytest.raises(InputError, match="at least two tasks of each sort, got 1 and 30"):
        auroc(usual[:1], unusual)
