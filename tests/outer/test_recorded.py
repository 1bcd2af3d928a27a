"""A recording gives the same bits as a fresh pass, or is not believed."""

import pytest
import torch
from outer_data import regression_tasks
from torch import nn

import innerloop as il
from innerloop.outer import recorded
from innerloop.outer.paths import by_vmap
from innerloop.outer.recorded import Recorded


def net(*between):
    return nn.Sequential(
        nn.Linear(3, 4), nn.LayerNorm(4), *between, nn.Tanh(), nn.Linear(4, 1)
    ).double()


def calls(learner, count, *, tasks=3):
    """Totals of the same step, again and again, by one recorded path."""
    path, meta, episodes = Recorded(), learner.init(), regression_tasks(tasks)
    found = []
    for _ in range(count):
        torch.manual_seed(5)
        found.append(path(learner.method, meta, episodes, None))
    return path, found


def believed(path):
    return [replay is not None for replay in path._replays.values()]


LEARNERS = {
    "maml": lambda: il.maml(net(), inner_lr=0.1, inner_steps=2),
    "adam": lambda: il.maml(net(), inner_lr=0.1, inner_optimiser="adam", inner_clip=0.1),
    "meta_sgd": lambda: il.meta_sgd(net(), inner_lr=0.1),
    "reptile": lambda: il.reptile(net(), inner_steps=3),
    "dropout": lambda: il.maml(net(nn.Dropout(0.5)), inner_lr=0.1),
    "gru": lambda: il.maml(il.models.recurrent(3, 1).double(), inner_lr=0.1),
}


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("name", [n for n in LEARNERS if n != "gru"])
def test_the_replay_is_bit_for_bit_a_fresh_pass(name, tasks):
    path, found = calls(LEARNERS[name](), recorded.SEEN_BEFORE + 3, tasks=tasks)
    assert believed(path) == [True]
    for each in found[1:]:
        torch.testing.assert_close(each, found[0], rtol=0, atol=0)


def test_it_follows_new_weights_and_new_tasks():
    learner = LEARNERS["maml"]()
    path, _ = calls(learner, recorded.SEEN_BEFORE + 1)
    torch.manual_seed(1)
    meta = learner.init(torch.Generator().manual_seed(7))
    x = torch.randn(3, 6, 3).double()
    episodes = il.Episodes(il.Examples(x, x[..., :1]), il.Examples(x + 1, x[..., :1]))
    found = path(learner.method, meta, episodes, None)
    assert len(path._replays) == 1
    expected = by_vmap(learner.method, meta, episodes)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_dropout_is_drawn_anew_each_time():
    learner = LEARNERS["dropout"]()
    path, _ = calls(learner, recorded.SEEN_BEFORE + 1)
    meta, episodes = learner.init(), regression_tasks(3)
    first, second = (path(learner.method, meta, episodes, None).losses for _ in range(2))
    assert (first != second).all()


class Counting(nn.Module):
    """Python of its own, which a recording cannot see."""

    calls = 0

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(3, 1)

    def forward(self, x):
        Counting.calls += 1
        return self.out(x) * Counting.calls


class Doubtful(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(3, 1)

    def forward(self, x):
        return self.out(x if float(x.sum()) > 0 else -x)


@pytest.mark.parametrize(("module", "tasks"), [(Counting, 3), (Counting, 1), (Doubtful, 1)])
def test_what_is_not_the_same_every_time_is_not_recorded(module, tasks):
    learner = il.maml(module().double(), inner_lr=0.1)
    path, _ = calls(learner, recorded.SEEN_BEFORE + 2, tasks=tasks)
    assert believed(path) == [False]


def test_a_generator_of_the_methods_own_is_not_recorded():
    """Its numbers would be those of the generator that was recorded."""

    class Drawing(type(il.maml(net()).method)):
        def task_loss(self, meta, episode, generator=None):
            loss, state = super().task_loss(meta, episode, generator)
            return loss * torch.rand((), generator=generator, dtype=loss.dtype), state

    import dataclasses

    method = il.maml(net(), inner_lr=0.1).method
    method = Drawing(**{f.name: getattr(method, f.name) for f in dataclasses.fields(method)})
    meta, path, g = method.init(), Recorded(), torch.Generator()
    losses = [
        path(method, meta, regression_tasks(1), g.manual_seed(0)).losses
        for _ in range(recorded.SEEN_BEFORE + 2)
    ]
    assert believed(path) == [False]
    assert all((each == losses[0]).all() for each in losses)


def test_no_more_shapes_are_recorded_than_are_worth_while(monkeypatch):
    monkeypatch.setattr(recorded, "SHAPES", 2)
    learner, path = il.maml(net(), inner_lr=0.1), Recorded()
    for tasks in (2, 3, 4, 2):
        for _ in range(recorded.SEEN_BEFORE + 1):
            path(learner.method, learner.init(), regression_tasks(tasks), None)
    assert len(path._replays) == 2


def test_what_is_long_is_not_recorded(monkeypatch):
    monkeypatch.setattr(recorded, "OPERATIONS", 20)
    path, _ = calls(LEARNERS["maml"](), recorded.SEEN_BEFORE + 1)
    assert believed(path) == [False]


def test_a_loss_that_counts_by_its_targets_is_not_recorded():
    def loss(outputs, y):
        share = len(y) / (1 + len(y[y[:, 0] > 0]))
        return (outputs - y).square().mean(1) * share

    path, _ = calls(il.maml(net(), loss, inner_lr=0.1), recorded.SEEN_BEFORE + 1, tasks=1)
    assert believed(path) == [False]


def test_another_method_of_the_same_path_is_another_recording():
    learner, path = il.maml(net(), inner_lr=0.1), Recorded()
    longer = learner.replace(inner_steps=3)
    for _ in range(recorded.SEEN_BEFORE + 1):
        path(learner.method, learner.init(), regression_tasks(2), None)
    for _ in range(recorded.SEEN_BEFORE + 1):
        found = path(longer.method, learner.init(), regression_tasks(2), None)
    expected = by_vmap(longer.method, learner.init(), regression_tasks(2))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_inputs_that_lie_otherwise_in_memory_are_another_recording():
    learner, path = il.maml(net(), inner_lr=0.1), Recorded()
    x = torch.randn(3, 3, 6).double().transpose(1, 2)
    turned = il.Episodes(il.Examples(x, x[..., :1]), il.Examples(x + 1, x[..., :1]))
    meta = learner.init()
    for _ in range(recorded.SEEN_BEFORE + 1):
        path(learner.method, meta, regression_tasks(3), None)
    for _ in range(recorded.SEEN_BEFORE + 2):
        found = path(learner.method, meta, turned, None)
    torch.testing.assert_close(found, by_vmap(learner.method, meta, turned))


def test_gradients_are_numbers_before_and_after():
    learner, path = il.maml(net(), inner_lr=0.1), Recorded()
    meta = learner.init()
    meta = il.Meta({n: p.clone().requires_grad_() for n, p in meta.params.items()}, meta.state)
    for _ in range(recorded.SEEN_BEFORE + 2):
        found = path(learner.method, meta, regression_tasks(2), None)
        assert not any(g.requires_grad for g in found.grads.values())
