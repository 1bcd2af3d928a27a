import pytest
import torch

import innerloop as il
from innerloop.training import OPTIMISERS, adam, adamw, sgd
from innerloop.training.optimiser import Layout, by_name, clipped

PAIRS = {
    "adam": (adam(), lambda p: torch.optim.Adam(p, lr=0.1)),
    "adamw": (adamw(weight_decay=0.1), lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1)),
    "sgd": (sgd(), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (
        sgd(momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_ours_moves_as_torch_does(name):
    ours, theirs = PAIRS[name]
    torch.manual_seed(0)
    start = torch.randn(7, dtype=torch.float64)
    reference = start.clone().requires_grad_()
    other = theirs([reference])
    weights, memory = start, ours.init(start)
    for _ in range(20):
        gradient = torch.randn(7, dtype=torch.float64)
        reference.grad = gradient.clone()
        other.step()
        weights, memory = ours.update(gradient, memory, weights, 0.1)
    assert torch.allclose(weights, reference.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=list(OPTIMISERS))
def test_an_update_leaves_what_it_was_given(make):
    optimiser, weights, gradient = make(), torch.ones(3), torch.ones(3)
    memory = optimiser.init(weights)
    before = {name: leaf.clone() for name, leaf in memory.items()}
    optimiser.update(gradient, memory, weights, 0.1)
    assert torch.equal(weights, torch.ones(3))
    assert torch.equal(gradient, torch.ones(3))
    assert all(torch.equal(memory[name], before[name]) for name in memory)


def test_packing_and_unpacking_give_the_same_parameters():
    params = {
        "a": torch.randn(2, 3),
        "b": torch.randn(()),
        "c": torch.randn(4, dtype=torch.float64),
        "d": torch.randn(0),
    }
    layout = Layout.of(params)
    again = layout.unpack(layout.pack(params))
    assert list(again) == list(params)
    for name, leaf in params.items():
        assert again[name].dtype == leaf.dtype
        assert torch.equal(again[name], leaf)


def test_no_parameters_are_an_empty_vector():
    assert Layout.of({}).unpack(Layout.of({}).pack({})) == {}


def test_clipping_keeps_the_direction_and_leaves_short_gradients_alone():
    long, short = torch.tensor([30.0, 40.0]), torch.tensor([0.3, 0.4])
    assert torch.allclose(clipped(long, 10)[0], torch.tensor([6.0, 8.0]))
    assert clipped(short, 10)[0] is short
    assert clipped(long, None)[0] is long
    assert clipped(torch.tensor([1e30, 0.0]), 1.0)[0].tolist() == [1.0, 0.0]


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        il.InputError, match="optimiser must be one of adam, adamw, sgd, got 'lion'"
    ):
        by_name("lion", OPTIMISERS, "optimiser")
