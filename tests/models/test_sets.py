"""Networks that take in a support set: what they answer does not hang on order, names or company."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.models.attention import Block, attention

LEARNERS = {
    "cnp": lambda targets: il.cnp(inputs=2, targets=targets, width=8),
    "tnp": lambda targets: il.tnp(inputs=2, targets=targets, width=8, layers=2, heads=2),
    "tnp, relative": lambda targets: il.tnp(
        inputs=2, targets=targets, width=8, layers=2, heads=2, relative=True
    ),
    "in_context": lambda targets: il.in_context(inputs=2, targets=targets, width=8, layers=2),
}
every = pytest.mark.parametrize("name", LEARNERS)


def started(name: str, targets: int):
    learner = LEARNERS[name](targets)
    return learner, learner.init(torch.Generator().manual_seed(0))


@every
def test_classes_may_be_named_in_any_order_and_be_any_number(name):
    learner, meta = started(name, targets=0)
    for ways in (2, 5):
        x, y = torch.randn(3 * ways, 2), torch.arange(ways).repeat(3)
        renamed = torch.randperm(ways)
        plain, other = (
            learner.predict(meta, learner.adapt(meta, il.Examples(x, labels, ways=ways)), x)
            for labels in (y, renamed[y])
        )
        torch.testing.assert_close(plain, other[:, renamed])
        assert plain.shape == (len(x), ways)


@every
def test_encoding_and_answering_at_once_is_the_same(name):
    learner, meta = started(name, targets=1)
    network = learner.method.network
    x, y, queries = torch.randn(4, 2), torch.randn(4, 1), torch.randn(3, 2)
    at_once = network.apply(*meta, {"x": x, "y": y, "queries": queries})
    code = network.apply(*meta, {"x": x, "y": y})
    torch.testing.assert_close(at_once, network.apply(*meta, {"x": queries, "code": code}))


@every
def test_a_task_is_a_point_that_hangs_on_its_labels(name):
    learner, meta = started(name, targets=1)
    x = torch.randn(4, 2)
    here, there = (learner.method.embed(meta, il.Examples(x, x[:, :1] + k)) for k in (0, 3))
    assert here.dim() == 1
    assert float((here - there).norm()) > 0


@every
@pytest.mark.parametrize(("targets", "y"), [(1, torch.tensor([0, 1])), (0, torch.zeros(2, 1))])
def test_the_other_kind_of_target_is_refused_with_the_remedy(name, targets, y):
    learner, meta = started(name, targets)
    with pytest.raises(il.InputError, match=f"make it with targets={1 - targets}"):
        learner.adapt(meta, il.Examples(torch.zeros(2, 2), y))


def test_features_come_from_the_module_that_is_given():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh())
    encoder.features = 4
    learner = il.tnp(encoder, targets=0, width=8, layers=1, heads=2)
    meta = learner.init()
    torch.testing.assert_close(meta.params["features.1.weight"], encoder[1].weight)
    fast = learner.adapt(meta, il.Examples(torch.randn(4, 2, 3), torch.tensor([0, 1, 0, 1])))
    assert learner.predict(meta, fast, torch.randn(5, 2, 3)).shape == (5, 2)


def test_more_examples_of_a_conditional_neural_process_are_added():
    learner, meta = started("cnp", targets=1)
    x, y = torch.randn(5, 2), torch.randn(5, 1)
    whole = learner.adapt(meta, il.Examples(x, y))
    first = learner.adapt(meta, il.Examples(x[:3], y[:3]))
    grown = learner.observe(meta, first, il.Examples(x[3:], y[3:]))
    torch.testing.assert_close(grown, whole)


def test_attention_ignores_what_is_not_allowed():
    query, key, value = (torch.randn(2, n, 4) for n in (3, 5, 5))
    allowed = torch.arange(5).expand(3, 5) < 2
    seen = attention(query, key, value, allowed)
    torch.testing.assert_close(seen, attention(query, key[:, :2], value[:, :2]))


def test_heads_must_share_the_width_evenly():
    with pytest.raises(il.InputError, match="width must be a multiple of heads"):
        Block(10, 4)


@pytest.mark.parametrize("make", [il.cnp, il.tnp, il.anp, il.neural_process, il.in_context])
@pytest.mark.parametrize(("setting", "value"), [("inputs", 0), ("targets", -1), ("width", -4)])
def test_sizes_that_cannot_be_are_refused(make, setting, value):
    with pytest.raises(il.InputError, match=f"{make.__name__}: {setting} must be at least"):
        make(**{setting: value})
