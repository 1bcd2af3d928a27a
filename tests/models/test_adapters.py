"""A pretrained backbone: frozen, fine-tuned, or with adapters alone moving."""

import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.models import transformer, with_adapters


def batch(tasks=2):
    g = torch.Generator().manual_seed(0)
    y = torch.arange(2).repeat(tasks, 3)
    sides = [il.Examples(torch.randn(tasks, 6, 4, 3, generator=g), y) for _ in range(2)]
    return il.Episodes(*sides)


def moved_by_both_loops(learner):
    """(names that the inner loop moves, names that the outer loop moves)."""
    meta, episodes = learner.init(), batch()
    grads = learner.gradient(meta, episodes).grads
    inner = learner.adapt(meta, episodes[0].support)["params"]
    assert learner.path == "vmap"
    return set(inner), {n for n, g in grads.items() if float(g.abs().sum())}


def test_adapters_begin_as_nothing_and_alone_learn():
    torch.manual_seed(0)
    net = transformer(3, 2, width=8, layers=1, heads=2)
    adapted = with_adapters(net, rank=2)
    x = torch.randn(5, 4, 3)
    torch.testing.assert_close(adapted(x), net(x))
    assert all(p.requires_grad for p in net.parameters())
    learner = il.maml(adapted, inner_lr=0.5)
    inner, outer = moved_by_both_loops(learner)
    assert all(".parametrizations." in n and n.endswith((".up", ".down")) for n in inner)
    assert "layers.0.self_attn.parametrizations.in_proj_weight.0.up" in inner
    assert outer <= inner
    meta = learner.init(torch.Generator().manual_seed(3))  # a seed draws adapters, no weights
    frozen = "embed.parametrizations.weight.original"
    assert (meta.state[frozen] == net.embed.weight).all()
    assert sum(p.numel() for p in meta.params.values()) < 0.5 * sum(
        p.numel() for p in net.parameters()
    )


def test_a_new_head_may_go_on_learning():
    net = transformer(3, 2, width=8, layers=1, heads=2)
    learner = il.maml(with_adapters(net, 1, layers="layers.*", free="head.*"), inner_lr=0.5)
    inner, _ = moved_by_both_loops(learner)
    assert {"head.weight", "head.bias"} < inner
    assert not any(name.startswith("embed") for name in inner)
    assert il.anil(learner.spec.model).method.moving() == ["head.weight", "head.bias"]


def test_frozen_fine_tuned_and_only_the_head_in_the_inner_loop():
    net = nn.Sequential(transformer(3, width=8, layers=1, heads=2), nn.Linear(8, 2))
    every = {n for n, _ in net.named_parameters()}
    inner, outer = moved_by_both_loops(il.maml(net, inner_lr=0.5))
    assert inner == every == outer
    inner, outer = moved_by_both_loops(il.maml(net, inner_lr=0.5, freeze="0.*"))
    assert (inner, outer) == ({"1.weight", "1.bias"}, every)
    net[0].requires_grad_(False)
    inner, outer = moved_by_both_loops(il.maml(net, inner_lr=0.5))
    assert inner == outer == {"1.weight", "1.bias"}


def test_adapters_that_fit_nothing_are_said():
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with pytest.raises(il.InputError, match=r"layers='body\.\*' fits no linear layer .* are: 0, 1"):
        with_adapters(net, layers="body.*")
    with pytest.raises(il.InputError, match=r"got 3 for 0 of \(2, 3\); lower it"):
        with_adapters(net, rank=3)


def test_a_backbone_of_timm():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    net = timm.create_model("resnet10t", pretrained=False, num_classes=2, in_chans=3)
    net.requires_grad_(False)
    net.get_classifier().requires_grad_(True)
    learner = il.maml(net, inner_lr=0.1)
    x = torch.randn(2, 4, 3, 64, 64)
    y = torch.arange(2).repeat(2, 2)
    found = learner.gradient(learner.init(), il.Episodes(il.Examples(x, y), il.Examples(x, y)))
    assert found.kept.all()
    assert all(name.startswith("fc.") for name in found.grads)
