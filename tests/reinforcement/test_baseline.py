"""The linear baseline: what it fits, and what it must not see."""

import torch
from torch.func import vmap

from innerloop.reinforcement.baseline import features, linear_baseline

G = torch.Generator


def drawn(*shape):
    g = G().manual_seed(0)
    seen = torch.randn(*shape, 2, generator=g).double()
    return seen, torch.randn(*shape, generator=g).double()


def test_returns_that_are_linear_in_the_features_are_found_exactly():
    seen, _ = drawn(9, 6)
    weights = torch.arange(1.0, 9).double()
    returns = features(seen) @ weights
    found = linear_baseline(seen, returns, torch.ones(9, 6).bool())
    assert torch.allclose(found, returns, atol=1e-2)


def test_what_comes_after_an_end_is_not_seen():
    seen, returns = drawn(9, 6)
    real = torch.ones(9, 6).bool()
    real[5:, 2] = False
    found = linear_baseline(seen, returns, real)
    seen[5:, 2], returns[5:, 2] = 7.0, 1e6
    again = linear_baseline(seen, returns, real)
    assert torch.equal(found[real], again[real])


def test_the_order_of_the_episodes_does_not_matter():
    seen, returns = drawn(5, 6)
    real, order = torch.ones(5, 6).bool(), torch.randperm(6, generator=G().manual_seed(1))
    found = linear_baseline(seen, returns, real)[:, order]
    assert torch.allclose(found, linear_baseline(seen[:, order], returns[:, order], real))


def test_many_tasks_at_once_are_each_task_alone():
    seen, returns = drawn(4, 5, 6)
    real = torch.ones(4, 5, 6).bool()
    many = vmap(linear_baseline)(seen, returns, real)
    for t in range(4):
        alone = linear_baseline(seen[t], returns[t], real[t])
        assert torch.allclose(many[t], alone, atol=1e-10)
