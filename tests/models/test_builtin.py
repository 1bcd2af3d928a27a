"""The models that come along: shapes, settings, and what they refuse."""

import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.models import SEQUENCE_MODELS, conv4, recurrent, resnet6, resnet12, transformer


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 84)])
def test_resnet12_has_twelve_convolutions_on_the_way_and_declares_its_features(channels, size):
    net = resnet12(channels=channels, size=size, width=4)
    x = torch.randn(2, channels, size, size)
    assert net(x).shape == (2, net.features) == (2, 40)
    kernels = [m.kernel_size for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert (kernels.count((3, 3)), kernels.count((1, 1))) == (12, 4)
    assert resnet12(7, channels=channels, size=size, width=4)(x).shape == (2, 7)


def test_resnet12_refuses_what_it_cannot_halve():
    with pytest.raises(il.InputError, match="at least 16, got 14; enlarge"):
        resnet12(size=14)
    with pytest.raises(il.InputError, match="width must be even, got 5; take 16"):
        resnet12(width=5)


@pytest.mark.parametrize("make", [conv4, resnet6, resnet12])
@pytest.mark.parametrize("norm", ["batch", "group", "layer", "instance", "none"])
def test_only_batch_norm_looks_at_other_rows(make, norm):
    torch.manual_seed(0)
    net = make(3, channels=1, size=28, width=16, norm=norm)
    x = torch.randn(4, 1, 28, 28)
    alone = torch.cat([net(x[i : i + 1]) for i in range(4)]) if norm != "batch" else net(x[:2])
    together = net(x)[: len(alone)]
    assert ((alone - together).abs().max().item() > 1e-3) == (norm == "batch")
    assert net.spec.settings["norm"] == norm


def test_norms_that_do_not_exist_or_fit_are_said():
    with pytest.raises(il.InputError, match=r"norm must be one of batch, group, .* did you mean"):
        conv4(norm="bach")
    with pytest.raises(il.InputError, match="8 groups, got width 12; make it a multiple of 8"):
        conv4(width=12, norm="group")


@pytest.mark.parametrize("make", [transformer, recurrent])
def test_sequences_may_have_any_length(make):
    net = make(3, 5)
    for length in (1, 4, 9):
        assert net(torch.randn(2, length, 3)).shape == (2, 5)
    assert make(3)(torch.randn(2, 4, 3)).shape == (2, make(3).features)


def test_places_that_pad_change_nothing():
    torch.manual_seed(0)
    net = transformer(3, 5).eval()
    x = torch.randn(2, 4, 3)
    longer = torch.cat([x, 9 * torch.ones(2, 3, 3)], 1)
    mask = torch.arange(7).expand(2, -1) < 4
    torch.testing.assert_close(net(longer, mask=mask), net(x))
    assert (net(longer) != net(x)).all()


def test_transformer_knows_the_order():
    net = transformer(tokens=5)
    words = torch.tensor([[1, 2, 3]])
    assert (net(words) - net(words.flip(1))).abs().max() > 1e-3


def test_heads_must_divide_the_width():
    with pytest.raises(il.InputError, match="even number for each of 4 heads, got 30; take 32"):
        transformer(width=30)
    with pytest.raises(il.InputError, match="cell must be one of gru, lstm, got 'rnn'"):
        recurrent(cell="rnn")


def test_recurrent_gives_the_last_state_of_the_last_layer():
    net = recurrent(3, width=4, layers=2, cell="lstm", bidirectional=True)
    x = torch.randn(2, 5, 3)
    outputs, _ = net[0].layer(x)
    torch.testing.assert_close(net(x), torch.cat([outputs[:, -1, :4], outputs[:, 0, 4:]], 1))


@pytest.mark.parametrize("name", SEQUENCE_MODELS)
def test_sequences_are_learnt_from_by_every_kind_of_learner(name):
    """Which of two frequencies: a few outer steps of any learner lower its loss."""
    g = torch.Generator().manual_seed(0)

    def episodes(tasks):
        speed = 0.5 + torch.rand(tasks, 1, 1, 1, generator=g) + torch.tensor([[[[0.0]], [[1.0]]]])
        sides = []
        for _ in range(2):
            start = 6 * torch.rand(tasks, 2, 4, 1, generator=g)
            x = (speed * torch.arange(6.0) + start).sin().flatten(1, 2)[..., None]
            sides.append(il.Examples(x, torch.arange(2).repeat_interleave(4).repeat(tasks, 1)))
        return il.Episodes(*sides)

    for make, outputs in ((il.maml, 2), (il.protonet, None)):
        net = il.models.MODELS[name](
            1, outputs, width=8, **({"heads": 2} if name[0] == "t" else {})
        )
        learner = make(net)
        meta, batch, losses = learner.init(), episodes(8), []
        for _ in range(8):
            found = learner.gradient(meta, batch)
            losses.append(float(found.losses.mean()))
            meta = il.Meta(
                {n: p - 0.3 * found.grads[n] for n, p in meta.params.items()}, meta.state
            )
        assert learner.path in ("pass", "vmap")  # tasks are batched
        assert losses[-1] < losses[0]


def test_a_zero_head_prefers_no_class_and_its_first_step_separates_them():
    net = il.models.conv4(3, width=8, strided=True, zero_head=True)
    x = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert net(x).abs().max() == 0
    learner = il.maml(
        lambda: il.models.conv4(3, width=8, strided=True, zero_head=True), inner_lr=0.4
    )
    meta = learner.init(torch.Generator().manual_seed(0))
    fast = learner.adapt(meta, il.Examples(x, torch.arange(3)))
    assert learner.predict(meta, fast, x).argmax(1).tolist() == [0, 1, 2]
