"""The kernel for chains of linear layers gives the loop's gradient."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import innerloop as il
from innerloop.outer.explicit import Dense, Unknown, explicit, native
from innerloop.outer.gradient import totals

BENT = {"relu": nn.ReLU, "leaky": lambda: nn.LeakyReLU(0.2), "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


@pytest.fixture(autouse=True)
def compiler():
    if native.library() is None:
        pytest.skip("needs a C++ compiler")


def chain(sizes, bends, flatten=False):
    layers = [nn.Flatten()] if flatten else []
    for i, (a, b) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(a, b))
        if i < len(bends):
            layers.append(BENT[bends[i]]())
    return nn.Sequential(*layers).double()


def tasks(sizes, rows=(5, 4), count=3, classes=False, seed=0):
    g = torch.Generator().manual_seed(seed)
    sides = []
    for n in rows:
        x = torch.randn(count, n, sizes[0], generator=g, dtype=torch.float64)
        y = torch.randn(count, n, sizes[-1], generator=g, dtype=torch.float64)
        ways = max(1, sizes[-1] - 1)
        labels = torch.randint(ways, (count, n), generator=g)
        sides.append(il.Examples(x, labels, ways=ways) if classes else il.Examples(x, y))
    return il.Episodes(*sides)


def agrees(net, episodes, **how):
    learner = il.maml(net, inner_lr=0.1, **how)
    meta = learner.init()
    path = explicit(learner.method, meta, episodes)
    assert isinstance(path, Dense)
    plain = learner.on_path("loop").gradient(meta, episodes)
    found = totals(learner.method, meta, episodes, path=path).mean(meta.state)
    torch.testing.assert_close(found.losses, plain.losses, rtol=1e-10, atol=1e-11)
    torch.testing.assert_close(found.grads, plain.grads, rtol=1e-9, atol=1e-11)
    assert found.kept.tolist() == plain.kept.tolist()


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=2, max_size=5),
    bends=st.lists(st.sampled_from(sorted(BENT)), min_size=3, max_size=3),
    rows=st.tuples(st.integers(1, 18), st.integers(1, 18)),
    steps=st.integers(0, 4),
    through=st.sampled_from([il.unrolled, il.first_order, il.truncated(1), il.truncated(2)]),
    classes=st.booleans(),
)
def test_any_chain(sizes, bends, rows, steps, through, classes):
    torch.manual_seed(0)
    net = chain(sizes, bends[: len(sizes) - 2])
    agrees(net, tasks(sizes, rows, classes=classes), inner_steps=steps, through=through)


def test_inputs_are_flattened_first():
    x = torch.randn(2, 5, 2, 3).double()
    y = torch.randn(2, 5, 2).double()
    episodes = il.Episodes(il.Examples(x, y), il.Examples(x + 1, y))
    agrees(chain([6, 7, 2], ["tanh"], flatten=True), episodes, inner_steps=2)


def test_a_task_that_is_not_finite_is_left_out():
    episodes = tasks([3, 4, 2])
    episodes.query.y[1] = torch.inf
    agrees(chain([3, 4, 2], ["relu"]), episodes, inner_steps=2)


def tied():
    net = chain([3, 3, 3], ["tanh"])
    net[2].weight = net[0].weight
    return net


def frozen():
    net = chain([3, 3, 3], ["tanh"])
    net[0].bias.requires_grad_(False)
    return net


OTHERS = {
    "tied": (tied, {}),
    "frozen": (frozen, {}),
    "without a bias": (lambda: nn.Sequential(nn.Linear(3, 3, bias=False)).double(), {}),
    "two activations": (lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Tanh()).double(), {}),
    "a norm": (lambda: nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)).double(), {}),
    "momentum": (lambda: chain([3, 3], []), {"inner_optimiser": "momentum"}),
    "some move": (lambda: chain([3, 3], []), {"moves": "*.bias"}),
    "another loss": (lambda: chain([3, 3], []), {"loss": lambda o, y: (o - y).abs().mean(1)}),
    "another inner loss": (lambda: chain([3, 3], []), {"inner_loss": il.losses.mse}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_such_chain_is_batched(name):
    net, how = OTHERS[name]
    learner = il.maml(net(), inner_lr=0.1, **how)
    meta, episodes = learner.init(), tasks([3, 3])
    with pytest.raises(Unknown):
        explicit(learner.method, meta, episodes)
    learner.gradient(meta, episodes)
    assert learner.path == "vmap"
    assert learner.route.why


def test_later_tasks_of_another_kind_are_no_danger():
    learner = il.maml(chain([3, 4], []), inner_lr=0.1)
    meta = learner.init()
    learner.gradient(meta, tasks([3, 4]))
    assert learner.path == "explicit"
    found = learner.gradient(meta, tasks([3, 4], classes=True))
    assert learner.path == "explicit"
    torch.testing.assert_close(
        found.grads, learner.on_path("loop").gradient(meta, tasks([3, 4], classes=True)).grads
    )
    with pytest.raises(il.InnerloopError, match="same shape"):
        learner.gradient(meta, tasks([3, 5]))
    with pytest.raises(RuntimeError, match="takes x of shape"):
        learner.gradient(meta, tasks([2, 4]))
    y = torch.full((2, 3), 7)
    x = torch.zeros(2, 3, 3).double()
    with pytest.raises(il.InputError, match="one output per class"):
        learner.gradient(meta, il.Episodes(il.Examples(x, y), il.Examples(x, y)))


@pytest.mark.parametrize("side", ["support", "query"])
def test_numbers_of_another_type_are_not_read_as_if_they_were_not(side):
    learner = il.maml(chain([3, 4], []), inner_lr=0.1)
    meta = learner.init()
    learner.gradient(meta, tasks([3, 4]))
    right = tasks([3, 4])
    wrong = il.Examples(getattr(right, side).x, getattr(right, side).y.float())
    mixed = il.Episodes(**{"support": right.support, "query": right.query, side: wrong})
    plain = learner.on_path("loop").gradient(meta, mixed)
    torch.testing.assert_close(learner.gradient(meta, mixed).losses, plain.losses)
    y, x = torch.arange(6).view(2, 3) % 3, torch.randn(2, 3, 3).double()
    long, short = (
        il.Episodes(il.Examples(x, labels, ways=3), il.Examples(x, labels, ways=3))
        for labels in (y, y.to(torch.int32))
    )
    fresh = il.maml(chain([3, 4], []), inner_lr=0.1)
    torch.testing.assert_close(
        fresh.gradient(meta, short).losses, learner.on_path("loop").gradient(meta, long).losses
    )
