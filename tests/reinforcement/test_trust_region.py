"""The outer steps: conjugate gradients, and that a step stays within its region."""

import torch

from innerloop.reinforcement.moving import Moving
from innerloop.reinforcement.trust import Proximal, TrustRegion, conjugate_gradient
from innerloop.training.optimiser import Layout, sgd

START = {"w": torch.tensor([1.0, -2.0, 0.5]).double()}
BEND = torch.diag(torch.tensor([4.0, 1.0, 0.25])).double()


def moving(lr=1.0):
    layout = Layout.of(START)
    return Moving(layout.pack(START), {}, layout, sgd(), lr)


def cost(params, tried):
    """A linear loss, and a divergence that is a square."""
    away = params["w"] - START["w"]
    return params["w"].sum() - START["w"].sum(), 0.5 * away @ BEND @ away


def test_conjugate_gradients_solve_what_they_are_given():
    b = torch.tensor([1.0, 2.0, 3.0]).double()
    found = conjugate_gradient(lambda v: BEND @ v, b, 3)
    assert torch.allclose(BEND @ found, b, atol=1e-10)


def test_the_step_is_the_longest_that_the_region_allows():
    region = TrustRegion(0.01, damping=0.0)
    moved, before = region(moving(), cost, [])
    assert before == 0
    step = moved.weights - moving().weights
    ones = torch.ones(3).double()
    natural = torch.linalg.solve(BEND, ones)
    longest = -((2 * 0.01 / (ones @ natural)) ** 0.5) * natural
    assert any(torch.allclose(step, 0.8**k * longest, atol=1e-9) for k in (0, 1))
    assert cost(moved.params, [])[1] <= 0.01


def test_a_step_beyond_the_region_is_shortened_until_it_is_within():
    def steeper(params, tried):
        loss, divergence = cost(params, tried)
        return loss, divergence + 1e4 * divergence**2

    moved, _ = TrustRegion(0.01)(moving(), steeper, [])
    assert 0 < steeper(moved.params, [])[1] <= 0.01


def test_where_no_step_helps_nothing_moves():
    def flat(params, tried):
        loss, divergence = cost(params, tried)
        return loss - loss.detach(), divergence

    moved, _ = TrustRegion()(moving(), flat, [])
    assert torch.equal(moved.weights, moving().weights)
    assert moved.finite


def test_what_is_not_finite_moves_nothing_and_is_told():
    moved, _ = TrustRegion()(moving(), lambda p, t: (p["w"].sum() / 0.0, cost(p, t)[1]), [])
    assert torch.equal(moved.weights, moving().weights)
    assert not moved.finite


def test_clipped_ratios_take_so_many_steps_of_the_optimiser():
    moved, loss = Proximal(epochs=3)(moving(lr=0.1), cost, [])
    assert torch.allclose(moved.weights, START["w"] - 0.3)
    assert abs(loss + 0.3) < 1e-9  # the mean of 0, -0.3 and -0.6
