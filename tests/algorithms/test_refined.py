"""Learners that refine what they begin with: a task's few numbers descend, all else is shared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.algorithms.mbml import Refined

SMALL = {"inputs": 2, "width": 16, "depth": 2, "layers": 1, "heads": 2}


def examples(rows: int, seed: int = 0) -> il.Examples:
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 2, generator=g)
    return il.Examples(x, 30 + 10 * x.sum(1, keepdim=True))


def started(learner):
    return learner, learner.init(torch.Generator().manual_seed(0))


def test_mbml_learns_a_mixture_and_its_steps_help():
    tasks = il.tasks.mixture()
    learner = il.mbml(**SMALL)
    run = il.train(learner, tasks, steps=150, meta_batch=16, lr=3e-3, progress=False, seed=0)
    before = il.evaluate(*started(learner), tasks.validation, episodes=200)
    after = il.evaluate(learner, run.meta, tasks.validation, episodes=200)
    guess = il.evaluate(learner.replace(inner_steps=0), run.meta, tasks.validation, episodes=200)
    assert after.mean < 0.5 * before.mean
    assert after.mean < guess.mean


def test_a_thousand_steps_of_mbml_stay_near_its_guess():
    """The squared error is drawn back to the encoder's guess, so no number of steps runs away."""
    learner, meta = started(il.mbml(**SMALL))
    support = examples(6)
    few, many, more = (
        learner.replace(inner_steps=k).adapt(meta, support)["weights"] for k in (3, 300, 1000)
    )
    assert float((many - more).norm()) < float((few - more).norm())
    assert many.isfinite().all()


def test_each_step_of_mbml_explains_more_of_the_support_set():
    sizes = {"width": 16, "depth": 2, "layers": 1, "heads": 2, "inner_lr": 1.0}
    support, errors = examples(6), []
    for steps in (0, 1, 3, 10):
        torch.manual_seed(0)
        network = Refined(2, 1, numbers=True, inner_steps=steps, **sizes)
        with torch.no_grad():
            code = network.encode(support.x, support.y)
            features = network.features(code["latent"], support.x)
            found = network.explained(features, code["weights"])
        aim = (support.y - code["centre"]) / code["scale"]
        errors.append(float((found - aim).square().mean()))
    assert errors == sorted(errors, reverse=True)


def test_mbml_without_examples_answers_its_prior():
    learner, meta = started(il.mbml(**SMALL))
    code = learner.adapt(meta, il.Examples(torch.zeros(0, 2), torch.zeros(0, 1)))
    assert learner.predict(meta, code, torch.zeros(3, 2)).isfinite().all()
    assert learner.method.embed(meta, examples(3)).shape == (16,)


def test_the_spread_that_mbml_claims_is_in_the_unit_of_the_targets():
    learner, meta = started(il.mbml(**SMALL, least_std=0.0))
    here, there = examples(8), il.Examples(examples(8).x, 1e3 * examples(8).y)
    spreads = [
        learner.method.likelihood.std(learner.predict(meta, learner.adapt(meta, s), s.x)).mean()
        for s in (here, there)
    ]
    assert spreads[1] > 100 * spreads[0]


def test_cavia_adapts_its_context_alone_from_zero():
    learner, meta = started(il.cavia(il.models.mlp(2, 1), context=4, inner_lr=0.1))
    fast = learner.adapt(meta, examples(4))
    assert {n: p.shape for n, p in fast["params"].items()} == {"1.context": (4,)}
    elsewhere = il.Meta({**meta.params, "1.context": torch.ones(4)}, meta.state)
    torch.testing.assert_close(learner.adapt(elsewhere, examples(4)), fast)


def test_a_context_joined_to_the_input_is_a_longer_input():
    layer = nn.Linear(2, 3)
    joined = il.models.context.Joined(layer, 4)
    context, x = torch.randn(4), torch.randn(5, 2)
    longer = nn.Linear(6, 3)
    longer.weight.data, longer.bias.data = torch.cat([layer.weight, joined.hears], 1), layer.bias
    joined.context.data = context
    torch.testing.assert_close(joined(x), longer(torch.cat([x, context.expand(5, -1)], 1)))


@pytest.mark.parametrize("where", ["input", "features"])
def test_cavia_learns_sinusoids(where):
    tasks = il.tasks.sinusoids(shots=10)
    learner = il.cavia(il.models.mlp(1, 1), where=where, inner_lr=0.1, inner_steps=3)
    run = il.train(learner, tasks, steps=200, meta_batch=16, lr=1e-2, progress=False, seed=0)
    still = il.evaluate(learner.replace(inner_steps=0), run.meta, tasks.test, episodes=100)
    assert il.evaluate(learner, run.meta, tasks.test, episodes=100).mean < 0.8 * still.mean


def test_a_context_needs_a_linear_layer_and_a_number():
    images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    assert "2.context" in il.cavia(images).init().params
    with pytest.raises(il.InputError, match=r"input layer is a Conv2d; take where=.features"):
        il.cavia(images, where="input")
    with pytest.raises(il.InputError, match="context counts the numbers"):
        il.cavia(images, context=0)
