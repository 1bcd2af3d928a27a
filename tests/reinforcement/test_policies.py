"""Distributions over actions against torch's own, and the network's context."""

import torch
from torch.distributions import Categorical as Reference
from torch.distributions import Normal, kl_divergence

from innerloop.reinforcement.networks.policies import Categorical, Gaussian, Perceptron

G = torch.Generator


def test_a_gaussian_is_torchs_own():
    g = G().manual_seed(0)
    said, other = (torch.randn(5, 4, generator=g).double() for _ in range(2))
    action = torch.randn(5, 2, generator=g).double()
    one, two = (Normal(s[:, :2], s[:, 2:].exp()) for s in (said, other))
    kind = Gaussian()
    assert torch.allclose(kind.log_probability(said, action), one.log_prob(action).sum(-1))
    assert torch.allclose(kind.divergence(said, other), kl_divergence(one, two).sum(-1))


def test_a_choice_is_torchs_own_and_never_what_is_not_allowed():
    g = G().manual_seed(0)
    output, other = (torch.randn(5, 3, generator=g).double() for _ in range(2))
    allowed = torch.tensor([True, False, True])
    kind = Categorical()
    said, after = (kind.said({}, one, allowed) for one in (output, other))
    one, two = Reference(logits=said), Reference(logits=after)
    assert torch.allclose(kind.divergence(said, after), kl_divergence(one, two))
    assert (kind.sample(said.expand(200, 5, 3), g) != 1).all()
    action = torch.tensor([0, 2, 0, 2, 2])
    assert torch.allclose(kind.log_probability(said, action), one.log_prob(action))


def test_samples_have_the_mean_and_the_deviation_that_are_said():
    said = torch.tensor([1.0, -2.0, 0.0, -1.0]).expand(20_000, 4)
    drawn = Gaussian().sample(said, G().manual_seed(0))
    assert torch.allclose(drawn.mean(0), said[0, :2], atol=0.03)
    assert torch.allclose(drawn.std(0).log(), said[0, 2:], atol=0.03)


def test_a_context_of_zeros_is_not_heard_and_another_is():
    network = Perceptron(observations=2, hidden=8, layers=2, actions=2, context=3)
    params = network.init(G().manual_seed(0))
    x = torch.rand(6, 2)
    silent = network.apply({**params, "context": torch.zeros(3)}, x)
    plain = Perceptron(2, 8, 2, 2).apply({**params, "0.weight": params["0.weight"][:, :2]}, x)
    assert torch.allclose(silent, plain, atol=1e-7)
    assert not torch.allclose(silent, network.apply({**params, "context": torch.ones(3)}, x))
