import pytest
import torch
from outer_data import regression_tasks
from torch import nn

import innerloop as il
from innerloop.outer.paths import by_loop, by_vmap
from innerloop.outer.totals import Totals, sum_of


def scene():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    learner = il.maml(net, inner_lr=0.1, inner_steps=2)
    return learner, learner.init(), regression_tasks(5)


@pytest.mark.parametrize("path", [by_vmap, by_loop])
@pytest.mark.parametrize("cuts", [[5], [1, 4], [2, 2, 1]])
def test_parts_add_up_to_the_whole(path, cuts):
    learner, meta, episodes = scene()
    whole = learner.gradient(meta, episodes)
    ends = torch.tensor(cuts).cumsum(0).tolist()
    parts = [
        path(learner.method, meta, episodes[end - n : end], None)
        for n, end in zip(cuts, ends, strict=True)
    ]
    torch.testing.assert_close(sum_of(parts).mean(meta.state), whole, rtol=1e-12, atol=1e-12)


def test_a_task_that_is_not_finite_counts_in_no_part():
    learner, meta, episodes = scene()
    episodes.support.y[1] = torch.nan
    parts = [by_loop(learner.method, meta, episodes[:2], None)]
    parts += [by_loop(learner.method, meta, episodes[2:], None)]
    found = sum_of(parts).mean(meta.state)
    assert found.kept.tolist() == [True, False, True, True, True]
    good = [learner.gradient(meta, episodes[t : t + 1]).grads for t in (0, 2, 3, 4)]
    for name, leaf in found.grads.items():
        torch.testing.assert_close(leaf, sum(g[name] for g in good) / 4)


def test_what_counts_in_integers_is_taken_from_the_first_kept():
    loss = torch.tensor([torch.nan, 1.0])
    lost = Totals.of({}, loss[:1], {"seen": torch.tensor([7])})
    kept = Totals.of({}, loss[1:], {"seen": torch.tensor([3])})
    state = {"seen": torch.tensor(2)}
    assert lost.and_of(kept).mean(state).state["seen"] == 3
    assert lost.mean(state).state["seen"] == 2
