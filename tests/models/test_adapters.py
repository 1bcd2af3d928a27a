"""A pretrained backbone: frozen, fine-tuned, or with adapters alone moving."""

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import nn

import innerloop as il
from innerloop.models import transformer, with_adapters
from innerloop.models.network import Network


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


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A folder of 12 classes, each of crops out of one part of a colour photograph."""
    folder = tmp_path_factory.mktemp("photographs")
    for number, photograph in enumerate(load_sample_images().images):
        for part in range(6):
            left, top = 100 * part, 60 + 100 * (part % 3)
            place = folder / f"{number}-{part}"
            place.mkdir()
            for n in range(6):
                crop = photograph[top + 6 * n : top + 6 * n + 60, left + 6 * n : left + 6 * n + 60]
                Image.fromarray(crop).save(place / f"{n}.jpg")
    return il.tasks.images(folder, ways=2, shots=1, queries=3, size=32)


@pytest.mark.filterwarnings("ignore:There is a performance drop", "ignore:.*are deprecated")
@pytest.mark.parametrize("how", ["frozen", "fine-tuned", "adapters"])
def test_a_backbone_of_timm_meets_colour_photographs(photographs, tmp_path, how):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
    name = "vit_tiny_patch16_224"
    before = timm.create_model(name, num_classes=2, **small)
    torch.save(before.state_dict(), tmp_path / "pretrained.pth")  # as a download would lie there
    file = tmp_path / "pretrained.pth"
    net = timm.create_model(name, num_classes=2, checkpoint_path=file, **small)
    if how == "frozen":
        net.requires_grad_(False)
        net.get_classifier().requires_grad_(True)
    elif how == "adapters":
        net = with_adapters(net, rank=2, layers="blocks.*", free="head.*")
    learner = il.maml(net, inner_lr=0.1)
    start = learner.init()
    weights = {n.replace("parametrizations.", ""): p for n, p in [*start.params.items()]}
    weights |= {n.replace("parametrizations.", ""): p for n, p in start.state.items()}
    for name, pretrained in before.state_dict().items():
        kept = weights.get(name, weights.get(f"{name}.original"))
        assert torch.equal(kept, pretrained)
    quiet = {"progress": False, "validation_episodes": 2}
    run = il.train(learner, photographs, steps=2, meta_batch=2, lr=0.01, **quiet)
    moved = {n for n, p in run.meta.params.items() if not torch.equal(p, start.params[n])}
    assert all(torch.equal(leaf, start.state[n]) for n, leaf in run.meta.state.items())
    if how == "fine-tuned":
        assert moved == set(dict(net.named_parameters()))
    else:
        assert moved
        assert all(n.startswith("head.") or n.endswith((".up", ".down")) for n in moved)
    episode = photographs.test.sample()[0]
    task = run.adapt(episode.support.x, ["this", "that"])
    alone = torch.cat([task.predict_proba(row[None]) for row in episode.query.x])
    torch.testing.assert_close(task.predict_proba(episode.query.x), alone)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("name", ["resnet10t", "efficientnet_lite0", "regnetx_002"])
def test_convolutions_of_timm_answer_as_they_do_by_themselves(name):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=2).train()
    x = torch.randn(6, 3, 64, 64)
    network = Network(net)
    params, buffers = network.init(None)
    outputs, _ = network.observe(params, buffers, x)  # dropout off, statistics of the batch
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    torch.testing.assert_close(outputs, net(x), rtol=1e-3, atol=1e-3)
