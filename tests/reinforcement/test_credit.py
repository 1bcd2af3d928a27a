"""Surrogates against the expected return of a small MDP, all of whose trajectories are listed."""

import itertools

import pytest
import torch
from torch.func import grad, hessian

from innerloop.reinforcement.credit import dice, lvc

STATES, ACTIONS = 3, 2
REWARD = torch.tensor([[0.3, -1.0], [2.0, 0.5], [-0.7, 1.3]]).double()
NEXT = torch.tensor([[1, 2], [0, 2], [1, 0]])
VALUE = torch.tensor([0.4, -1.1, 0.9]).double()  # any function of the state
EVERY = list(itertools.product(range(ACTIONS), repeat=2))


def policy(theta):
    return theta.view(STATES, ACTIONS).log_softmax(-1)


def walk(actions):
    """(states, rewards) of two steps from state 0."""
    states = [0, int(NEXT[0, actions[0]])]
    return states, [REWARD[s, a] for s, a in zip(states, actions, strict=True)]


def expected(theta):
    """J: the return of every trajectory times its probability."""
    total = 0.0
    for actions in EVERY:
        states, rewards = walk(actions)
        total = total + policy(theta)[states, list(actions)].sum().exp() * sum(rewards)
    return total


def surrogate(theta, acted, credit):
    """The mean over trajectories of the policy `acted`, so without any noise."""
    total = 0.0
    for actions in EVERY:
        states, rewards = walk(actions)
        before = policy(acted)[states, list(actions)]
        advantage = torch.stack([sum(rewards), rewards[1]]) - VALUE[states]
        change = policy(theta)[states, list(actions)] - before
        total = total + before.sum().exp() * credit(change, advantage).sum()
    return total


@pytest.fixture
def theta():
    return torch.randn(STATES * ACTIONS, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("credit", [dice, lvc])
def test_the_first_derivative_is_that_of_the_return(theta, credit):
    found = grad(surrogate)(theta, theta, credit)
    assert torch.allclose(found, grad(expected)(theta), atol=1e-12)


def test_dice_has_the_second_derivative_of_the_return(theta):
    assert torch.allclose(
        hessian(surrogate)(theta, theta, dice), hessian(expected)(theta), atol=1e-12
    )


def test_lvc_leaves_out_what_an_action_owes_to_those_before_it(theta):
    apart = hessian(surrogate)(theta, theta, lvc) - hessian(expected)(theta)
    assert apart.abs().max() > 1e-2


def test_the_meta_gradient_by_dice_is_that_of_the_return_after_a_step(theta):
    """d J(theta + rate J'(theta)), both derivatives by surrogates of what was tried."""

    def truly(theta):
        return expected(theta + 0.7 * grad(expected)(theta))

    after = theta + 0.7 * grad(expected)(theta)

    def estimated(start):
        moved = start + 0.7 * grad(surrogate)(start, theta, dice)
        return surrogate(moved, after, dice)

    assert torch.allclose(grad(estimated)(theta), grad(truly)(theta), atol=1e-12)


def test_dice_of_another_policy_is_its_return_weighted_by_importance(theta):
    other = theta.flip(0)
    change = surrogate(other, theta, dice)
    assert torch.allclose(change, expected(other) - expected(theta), atol=1e-12)
