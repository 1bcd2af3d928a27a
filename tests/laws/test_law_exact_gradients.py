"""Meta-gradients against finite differences, and MAML's against a loop written by hand."""

from __future__ import annotations

import law_cases as given
import pytest
import torch
from law_cases import biggest
from torch.func import functional_call
from torch.nn import functional as F

import innerloop as il
from innerloop import Meta
from innerloop.inner import truncated, unrolled


def is_exact(learner) -> bool:
    """Whether its meta-gradient is the derivative of its losses, not a substitute for it."""
    through = getattr(learner.method, "through", unrolled)
    return not hasattr(learner.method, "task_gradient") and through is unrolled


CASES = [case for case in given.cases() if is_exact(given.case(*case)[0])]


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_gradient_equals_finite_differences(case):
    learner, meta, episodes = given.case(*case)
    grads = learner.gradient(meta, episodes).grads
    g = torch.Generator().manual_seed(7)
    for _ in range(2):
        along = {n: torch.randn(p.shape, generator=g, dtype=p.dtype) for n, p in grads.items()}

        def loss_at(h: float, along=along) -> float:
            params = {n: p + h * along[n] for n, p in meta.params.items()}
            found = learner.gradient(Meta(params, meta.state), episodes)
            return found.losses.mean().item()

        # four points, so that the rest of the expansion is of order h^4
        h = 2e-5
        near, far = loss_at(h) - loss_at(-h), loss_at(2 * h) - loss_at(-2 * h)
        slope = (8 * near - far) / (12 * h)
        expected = sum(float((grads[n] * along[n]).sum()) for n in grads)
        assert slope == pytest.approx(expected, rel=1e-6, abs=1e-9)


def by_hand(net, episodes, rate: float, steps: int, *, first_order: bool = False):
    """MAML as one would write it in a notebook: (losses, gradient of their mean). In the inner loop
    batch norm is torch's own, in train mode."""
    params = {n: p.detach().clone().requires_grad_() for n, p in net.named_parameters()}
    losses = []
    for episode in episodes:
        fast = params
        for _ in range(steps):
            outputs = functional_call(net, fast, (episode.support.x,))
            loss = loss_of(outputs, episode.support.y)
            grads = torch.autograd.grad(loss, list(fast.values()), create_graph=not first_order)
            fast = {n: p - rate * g for (n, p), g in zip(fast.items(), grads, strict=True)}
        outputs = query_outputs(net, fast, episode.support.x, episode.query.x)
        losses.append(loss_of(outputs, episode.query.y))
    mean = torch.stack(losses).mean()
    grads = torch.autograd.grad(mean, list(params.values()))
    return torch.stack(losses).detach(), dict(zip(params, grads, strict=True))


def loss_of(outputs, y):
    return F.mse_loss(outputs, y) if y.dtype.is_floating_point else F.cross_entropy(outputs, y)


def query_outputs(net, fast, support, query):
    """Layer by layer, with the support set beside the queries: it is what normalises them."""
    s, q = support, query
    for name, layer in net.named_children():
        own = {n.removeprefix(f"{name}."): p for n, p in fast.items() if n.startswith(f"{name}.")}
        if isinstance(layer, torch.nn.BatchNorm2d):
            mean = s.mean((0, 2, 3), keepdim=True)
            var = s.var((0, 2, 3), correction=0, keepdim=True)
            scale = own["weight"].view(1, -1, 1, 1) / (var + layer.eps).sqrt()
            s, q = ((z - mean) * scale + own["bias"].view(1, -1, 1, 1) for z in (s, q))
        else:
            s, q = functional_call(layer, own, (s,)), functional_call(layer, own, (q,))
    return q


@pytest.mark.parametrize("path", ["vmap", "loop"])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("network", given.NETWORKS)
def test_maml_equals_a_plain_double_backward_loop(network, steps, path):
    for name, first_order in (("maml", False), ("fomaml", True)):
        learner = given.learner(name, network, inner_lr=0.1, inner_steps=steps).on_path(path)
        episodes = given.classification(network)
        found = learner.gradient(learner.init(), episodes)
        losses, grads = by_hand(learner.spec.model, episodes, 0.1, steps, first_order=first_order)
        assert biggest(found.losses, losses) < 1e-10
        assert biggest(found.grads, grads) < 1e-10


@pytest.mark.parametrize("network", ["mlp", "conv"])  # batch norm: the support set moves as well
def test_first_order_is_the_gradient_at_the_adapted_parameters(network):
    learner = given.learner("fomaml", network)
    meta, episodes = learner.init(), given.classification(network)
    still = learner.replace(inner_steps=0)  # predicts with what it is given
    expected = []
    for t in range(len(episodes)):
        moved = learner.adapt(meta, episodes[t].support)["params"]
        expected.append(still.gradient(Meta(moved, meta.state), episodes[t : t + 1]).grads)
    mean = {n: sum(grads[n] for grads in expected) / len(expected) for n in meta.params}
    found = learner.gradient(meta, episodes)
    assert biggest(found.grads, mean) < 1e-10
    second = given.learner("maml", network)
    assert biggest(second.gradient(meta, episodes).grads, found.grads) > 1e-4


@pytest.mark.parametrize("network", given.NETWORKS)
def test_truncation_lies_between_first_order_and_unrolled(network):
    steps, episodes = 3, given.classification(network)
    meta = given.learner("maml", network).init()

    def grads(through):
        learner = given.learner("maml", network, inner_steps=steps, through=through)
        return learner.gradient(meta, episodes).grads

    exact, first = grads(il.unrolled), grads(il.first_order)
    assert biggest(grads(truncated(steps)), exact) == 0
    assert biggest(grads(truncated(steps + 4)), exact) == 0
    errors = [biggest(grads(truncated(k)), exact) for k in range(1, steps + 1)]
    errors.insert(0, biggest(first, exact))
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < errors[0]


@pytest.mark.parametrize("name", ["maml", "fomaml", "anil", "boil", "meta_sgd", "reptile"])
def test_transductive_queries_see_each_other_where_there_is_batch_norm(name):
    for network in given.NETWORKS:
        learner = given.learner(name, network, transductive=True)
        meta, episodes = given.start(learner), given.classification(network)
        x = episodes[0].query.x
        fast = learner.adapt(meta, episodes[0].support)
        together = learner.predict(meta, fast, x)
        alone = torch.cat([learner.predict(meta, fast, x[i : i + 1]) for i in range(len(x))])
        assert (biggest(together, alone) > 1e-3) == (network == "conv_norm")


@pytest.mark.parametrize("adam", [False, True])
def test_reptile_moves_towards_the_adapted_parameters(adam):
    learner = given.learner("reptile", "conv", adam=adam)
    meta, episodes = learner.init(), given.classification("conv")
    walked = []
    for episode in episodes:
        rows = il.core.concatenate(episode.support, episode.query)
        walked.append(learner.adapt(meta, rows)["params"])
    found = learner.gradient(meta, episodes)
    for name, start in meta.params.items():
        assert biggest(start - found.grads[name], sum(w[name] for w in walked) / 3) < 1e-12
