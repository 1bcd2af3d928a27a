"""Whatever the network: all paths agree, with each other and with a loop written by hand."""

from __future__ import annotations

import copy

import network_cases as given
import pytest
import torch
from law_cases import biggest
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrizations import _SpectralNorm

import innerloop as il
from innerloop.outer.explicit import Explicit, Unknown, prove
from innerloop.outer.explicit.descent import Walk
from innerloop.outer.explicit.reading import read
from innerloop.tree import tree_map

NETWORKS = range(50)
RATE = 0.1
slow_rule = pytest.mark.filterwarnings("ignore:There is a performance drop")  # weight norm


def by_hand(net, episodes, steps, *, create_graph):
    """MAML with torch's own modules and torch.autograd: (losses, gradient of their mean)."""
    net = copy.deepcopy(net).train()
    params = trainable(net)
    buffers = dict(net.named_buffers())

    def loss_of(weights, side):
        x = tree_map(torch.clone, side.x)
        args, kwargs = ((), x) if isinstance(x, dict) else ((x,), {})
        kept = {n: b.clone() for n, b in buffers.items()}
        return F.cross_entropy(functional_call(net, {**weights, **kept}, args, kwargs), side.y)

    losses = []
    with sdpa_kernel(SDPBackend.MATH):
        for episode in episodes:
            fast = params
            for _ in range(steps):
                loss = loss_of(fast, episode.support)
                grads = torch.autograd.grad(loss, list(fast.values()), create_graph=create_graph)
                fast = {n: p - RATE * g for (n, p), g in zip(fast.items(), grads, strict=True)}
            losses.append(loss_of(fast, episode.query))
        losses = torch.stack(losses)
        grads = torch.autograd.grad(losses.mean(), list(params.values()))
    return losses.detach(), dict(zip(params, grads, strict=True))


@slow_rule
@pytest.mark.parametrize("seed", NETWORKS)
def test_paths_agree_with_each_other_and_with_plain_double_backward(seed):
    kind, net = given.network(seed)
    episodes, steps = given.episodes(kind, seed), 1 + seed % 3
    before = copy.deepcopy((net.state_dict(), episodes.support.x, episodes.query.x))
    for make in (il.maml, il.fomaml):
        learner = make(net, inner_lr=RATE, inner_steps=steps, transductive=True)
        meta = learner.init()
        losses, grads = by_hand(net, episodes, steps, create_graph=make is il.maml)
        in_turn = learner.on_path("loop").gradient(meta, episodes)
        together = at_once(learner, meta, episodes)
        for found in (in_turn, together):
            assert biggest(found.losses, losses) < 1e-10
            assert biggest(found.grads, grads) < 1e-10
        assert biggest(meta.params, trainable(net)) == 0
    assert biggest(before, (net.state_dict(), episodes.support.x, episodes.query.x)) == 0


def trainable(net):
    return {n: p for n, p in net.named_parameters() if p.requires_grad}


def at_once(learner, meta, episodes):
    """By vmap; where torch cannot, by the learner's own way out, which says so."""
    if not any(isinstance(m, _SpectralNorm) for m in learner.spec.model.modules()):
        return learner.on_path("vmap").gradient(meta, episodes)
    with pytest.warns(UserWarning, match="tasks run one after the other"):
        found = learner.gradient(meta, episodes)
    assert learner.path == "loop"
    return found


@pytest.mark.parametrize("seed", NETWORKS)
def test_adapting_changes_nothing_else_and_rows_do_not_see_each_other(seed):
    kind, net = given.network(seed)
    episodes, learner = given.episodes(kind, seed), il.maml(net, inner_lr=RATE)
    meta = learner.init()
    before = copy.deepcopy((meta, net.state_dict(), episodes.support.x))
    episode = episodes[0]
    fast = learner.adapt(meta, episode.support)
    together = learner.predict(meta, fast, episode.query.x)
    rows = [tree_map(lambda leaf, i=i: leaf[i : i + 1], episode.query.x) for i in range(4)]
    alone = torch.cat([learner.predict(meta, fast, row) for row in rows])
    assert biggest(together, alone) < 1e-10
    assert biggest(before, (meta, net.state_dict(), episodes.support.x)) == 0


@slow_rule
@pytest.mark.parametrize("kind", given.KINDS)
def test_evaluation_batches_over_tasks_as_well(kind):
    """Without gradients torch would take attention's fast kernels, which have no rule for it."""
    net = given.network(list(given.KINDS).index(kind) + 5)[1]
    learner, episodes = il.maml(net, inner_lr=RATE), given.episodes(kind, 3, tasks=3)
    meta = learner.init()

    def one(episode):
        return learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)

    together = torch.func.vmap(one)(episodes.as_episode())
    assert biggest(together, torch.stack([one(episode) for episode in episodes])) < 1e-10


def test_the_seeds_use_every_block():
    for kind, (_, blocks, _) in given.KINDS.items():
        if kind != "words":
            turns = sum(1 for seed in NETWORKS if list(given.KINDS)[seed % 5] == kind)
            assert 2 * turns >= len(blocks), kind


UNREAD = (Unknown, RuntimeError, NotImplementedError, AttributeError)  # of torch's tracing as well


@slow_rule
@pytest.mark.parametrize("make", [il.maml, il.anil])
def test_the_explicit_walk_of_a_network_that_can_be_read_is_exact_or_found_out(make):
    exact = 0
    for seed in NETWORKS:
        kind, net = given.network(seed)
        learner = make(net, inner_lr=RATE, inner_steps=2)
        meta, episodes = learner.init(), given.episodes(kind, seed)
        x = episodes.support.x
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            continue
        try:
            program = read(learner.method.network, meta.params, meta.state, x[0, 0])
            path = Explicit(Walk(learner.method, program))
            prove(path, meta, episodes)
        except UNREAD:
            continue
        exact += 1
        plain = learner.on_path("loop").gradient(meta, episodes)
        found = path(learner.method, meta, episodes).mean(meta.state)
        assert biggest(found.grads, plain.grads) < 1e-10
    assert exact >= 12
