"""Every inner optimiser, rate and clip: exact to second order, and the same on every path."""

from __future__ import annotations

import law_cases as given
import pytest
import torch
from law_cases import biggest

import innerloop as il
from innerloop import Meta
from innerloop.inner.rules import OPTIMISERS
from innerloop.losses import objective
from innerloop.tree import tree_map


@objective
def certain(answer, support):
    """Entropy of the answers: no label is looked at."""
    log = answer(support.x).log_softmax(-1)
    return -(log.exp() * log).sum(-1).mean()


def absolute(outputs, targets):
    return (outputs.softmax(-1)[:, 0] - targets).abs()


SETTINGS = {
    **{name: {"inner_optimiser": name, "inner_clip": 0.05} for name in OPTIMISERS},
    # a wide eps, since near a gradient of zero these two are too steep for finite differences
    "adam": {"inner_optimiser": il.rules.Adam(eps=0.1), "inner_clip": 0.05},
    "rmsprop": {"inner_optimiser": il.rules.Rmsprop(eps=0.1), "inner_clip": 0.05},
    "not clipped": {"inner_optimiser": "momentum", "inner_clip": 1e3},
    "per layer": {"inner_rates": "layer", "inner_optimiser": "nesterov"},
    "per step": {"inner_rates": "step", "inner_clip": 0.05},
    "per weight": {"inner_rates": "weight", "inner_optimiser": il.rules.Adam(eps=0.1)},
    "some": {"moves": "0.*,*.bias", "freeze": ("0.bias",)},
    "another loss": {"inner_loss": absolute},
    "no labels": {"inner_loss": certain},
}


def made(name, make=il.maml, network="conv_norm"):
    settings = {"inner_lr": 0.1, "inner_steps": 3, **SETTINGS[name]}
    learner = make(given.learner("maml", network).spec.model, **settings)
    return learner, given.start(learner), given.classification(network)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_gradient_equals_finite_differences(name):
    learner, meta, episodes = made(name, network="conv")
    found = learner.gradient(meta, episodes)
    assert biggest(found, learner.on_path("loop").gradient(meta, episodes)) < 1e-10
    g = torch.Generator().manual_seed(7)
    along = {n: torch.randn(p.shape, generator=g, dtype=p.dtype) for n, p in meta.params.items()}

    def loss_at(h):
        params = {n: p + h * along[n] for n, p in meta.params.items()}
        return learner.gradient(Meta(params, meta.state), episodes).losses.mean().item()

    h = 1e-4
    near, far = loss_at(h) - loss_at(-h), loss_at(2 * h) - loss_at(-2 * h)
    expected = sum(float((found.grads[n] * along[n]).sum()) for n in along)
    assert (8 * near - far) / (12 * h) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_clipping_is_at_work():
    learner, meta, episodes = made("sgd")
    moved = learner.replace(inner_steps=1).adapt(meta, episodes[0].support)["params"]
    square = sum(float((moved[n] - meta.params[n]).square().sum()) for n in moved)
    assert square**0.5 == pytest.approx(0.1 * 0.05)


@pytest.mark.parametrize("make", [il.anil, il.boil, il.fomaml, il.meta_sgd, il.reptile])
def test_the_family_shares_the_settings(make):
    learner, meta, episodes = made("adam", make)
    assert learner.gradient(meta, episodes).kept.all()
    rule = learner.method.how_far
    assert rule.longest == 0.05
    assert "inner_lr" in learner.spec.settings


def test_patterns_choose_what_moves_and_the_rest_is_learnt_across_tasks():
    learner, meta, episodes = made("some")
    assert list(learner.adapt(meta, episodes[0].support)["params"]) == [
        "0.weight",
        "1.bias",
        "5.bias",
    ]
    grads = learner.gradient(meta, episodes).grads
    without = [name for name, g in grads.items() if float(g.abs().sum()) < 1e-12]
    assert without == ["0.bias"], "which the norm after it takes away"
    net = learner.spec.model
    head = il.anil(net, moves="*.bias")
    assert list(head.adapt(head.init(), episodes[0].support)["params"]) == ["5.bias"]
    with pytest.raises(il.InputError, match=r"they are: 5\.weight, 5\.bias"):
        il.anil(net, freeze="0.*")


def test_adapting_without_labels_looks_at_none():
    learner, meta, episodes = made("no labels", network="conv")
    support = episodes[0].support
    other = il.Examples(support.x, support.y.roll(1), ways=support.ways)
    fasts = [learner.adapt(meta, s) for s in (support, other)]
    assert biggest(*fasts) == 0
    assert biggest(fasts[0]["params"], meta.params) > 0
    still = learner.replace(inner_steps=0)
    outputs = [
        made.predict(meta, made.adapt(meta, support), support.x) for made in (learner, still)
    ]
    after, before = (float(certain(lambda x, o=o: o, support)) for o in outputs)
    assert after < before


def test_test_time_training_helps_on_inputs_that_have_shifted():
    """Outputs 0-1 are classes, 2-5 undo noise: learning to undo it also tells the classes."""

    @objective
    def denoise(answer, support):
        return (answer(support.x)[:, 2:] - support.x).square().mean()

    g = torch.Generator().manual_seed(0)

    def episodes(tasks):
        shift = 2 * torch.randn(tasks, 1, 4, generator=g)
        y = torch.arange(2).repeat(tasks, 8)
        sides = []
        for _ in range(2):
            noise = 0.3 * torch.randn(tasks, 16, 4, generator=g)
            sign = (2 * y - 1)[..., None] * torch.tensor([1.0, -1.0, 1.0, -1.0])
            sides.append(il.Examples(sign + shift + noise, y, ways=2))
        return il.Episodes(*sides)

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 6))
    learner = il.maml(net, inner_loss=denoise, inner_lr=0.1, inner_steps=3)
    meta = learner.init()
    for _ in range(60):
        grads = learner.gradient(meta, episodes(8)).grads
        meta = Meta({n: p - 0.2 * grads[n] for n, p in meta.params.items()}, meta.state)
    held_out = episodes(100)
    trained = float(learner.gradient(meta, held_out).losses.mean())
    frozen = float(learner.replace(inner_steps=0).gradient(meta, held_out).losses.mean())
    unlabelled = tree_map(torch.zeros_like, held_out.support.y)
    support = il.Examples(held_out.support.x, unlabelled, ways=2)
    blind = il.Episodes(support, held_out.query)
    assert float(learner.gradient(meta, blind).losses.mean()) == trained
    assert trained < 0.9 * frozen


def test_an_objective_is_an_inner_loss_and_a_number():
    net = torch.nn.Linear(2, 2)
    support = il.Examples(torch.eye(2), torch.tensor([0, 1]))
    learner = il.maml(net, loss=certain)
    with pytest.raises(il.InputError, match="pass it as inner_loss"):
        learner.gradient(learner.init(), il.Episodes(*[tree_map(lambda t: t[None], support)] * 2))
    rows = il.maml(net, inner_loss=objective(lambda answer, s: answer(s.x).sum(1)))
    with pytest.raises(il.InputError, match=r"must return one number, got shape \(2,\)"):
        rows.adapt(rows.init(), support)
