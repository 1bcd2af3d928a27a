import warnings

import pytest
import torch
from outer_data import regression_tasks
from torch import nn

import innerloop as il


class Doubtful(nn.Module):
    """x (rows, 3): looks at its numbers to decide what to do."""

    def __init__(self):
        super().__init__()
        self.out = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x):
        return self.out(x if float(x.abs().sum()) > 0 else x + 1)


def test_a_network_that_cannot_be_batched_falls_back_with_one_warning():
    learner = il.maml(Doubtful().double(), inner_lr=0.1)
    meta, episodes = learner.init(), regression_tasks(3)
    with pytest.warns(UserWarning, match="tasks run one after the other") as caught:
        found = learner.gradient(meta, episodes)
    assert len(caught) == 1
    assert learner.path == "loop"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = learner.gradient(meta, episodes)
    h = 1e-5
    along = {n: torch.randn_like(p) for n, p in meta.params.items()}
    ends = [
        learner.gradient(
            il.Meta({n: p + s * along[n] for n, p in meta.params.items()}, {}), episodes
        ).losses.mean()
        for s in (h, -h)
    ]
    slope = sum((found.grads[n] * along[n]).sum() for n in along)
    torch.testing.assert_close((ends[0] - ends[1]) / (2 * h), slope, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(again.grads, found.grads)


def test_an_error_of_the_model_itself_is_not_mistaken_for_one_of_batching():
    learner = il.maml(nn.Linear(2, 1).double())
    with pytest.raises(RuntimeError, match="shape"):
        learner.gradient(learner.init(), regression_tasks(3))


@pytest.mark.parametrize("path", ["vmap", "loop"])
def test_dropout_draws_from_the_generator(path):
    net = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 1)).double()
    learner = il.maml(net, inner_lr=0.1).on_path(path)
    meta, episodes = learner.init(), regression_tasks(2, same=True)

    def losses(seed):
        return learner.gradient(
            meta, episodes, generator=torch.Generator().manual_seed(seed)
        ).losses

    outside = torch.get_rng_state()
    first = losses(0)
    assert (torch.get_rng_state() == outside).all()
    assert (losses(0) == first).all()
    assert (losses(1) != first).all()
    assert first[0] != first[1], "each task drops others"
    support = episodes[0].support
    fasts = [learner.adapt(meta, support)["params"] for _ in range(2)]
    torch.testing.assert_close(fasts[0], fasts[1], rtol=0, atol=0)  # nothing is dropped afterwards


def test_the_state_is_the_mean_over_the_tasks_that_count():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh())
    learner = il.protonet(net.double())
    meta, tasks = learner.init(), regression_tasks(3)
    y = torch.arange(6).remainder(2).repeat(3, 1)
    episodes = il.Episodes(
        *(il.Examples(e.x[:, :6], y, ways=2) for e in (tasks.support, tasks.query))
    )
    found = learner.gradient(meta, episodes).state
    singly = [learner.gradient(meta, episodes[t : t + 1]).state for t in range(3)]
    for name, leaf in found.items():
        torch.testing.assert_close(leaf, sum(s[name] for s in singly) / 3)


def test_small_networks_are_batched_unless_another_path_is_asked_for():
    learner = il.maml(nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 1)).double())
    learner.gradient(learner.init(), regression_tasks(2))
    assert learner.path == "vmap"
    assert learner.on_path("loop").path == "loop"
    with pytest.raises(il.InputError, match="a path must be one of explicit, pass, vmap, loop"):
        learner.on_path("lop")


def test_images_are_batched_in_chunks_that_change_nothing(monkeypatch):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 2)).double()
    learner = il.maml(net, inner_lr=0.1)
    meta, x = learner.init(), torch.randn(5, 4, 1, 4, 4, dtype=torch.float64)
    y = torch.arange(2).repeat(5, 2)
    episodes = il.Episodes(il.Examples(x, y, ways=2), il.Examples(x + 1, y, ways=2))
    expected = learner.gradient(meta, episodes)
    for rows in (1, 16, 24):  # tasks of 8 rows: one by one, by two, by three
        monkeypatch.setattr("innerloop.outer.paths.ROWS_AT_ONCE", rows)
        found = learner.on_path("vmap").gradient(meta, episodes)
        torch.testing.assert_close(found, expected)
