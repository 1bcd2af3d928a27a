import pytest
import torch
from torch import nn
from torch.nn import functional as F

from innerloop import InputError
from innerloop.models import Network, conv4, mlp, model_spec, resnet6


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_outputs_are_the_module_s_own():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    network, x = Network(net), torch.randn(5, 3)
    torch.testing.assert_close(network.apply(*network.init(), x), net(x))


def test_a_parameter_that_is_shared_stays_shared():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    network, x = Network(Tied()), torch.randn(2, 3)
    params, buffers = network.init()
    assert list(params) == ["a.weight"]
    doubled = network.apply({"a.weight": 2 * params["a.weight"]}, buffers, x)
    torch.testing.assert_close(doubled, 4 * network.module(x))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Linear(2, 2)

    def forward(self, image, table):
        return self.f(image) - table


def test_a_tuple_is_arguments_and_a_dict_keyword_arguments():
    network = Network(Two())
    a, b = torch.randn(3, 2), torch.randn(3, 2)
    params, buffers = network.init()
    expected = network.module(a, b)
    torch.testing.assert_close(network.apply(params, buffers, (a, b)), expected)
    torch.testing.assert_close(network.apply(params, buffers, {"table": b, "image": a}), expected)


NORMS = {
    "1d": (lambda: nn.BatchNorm1d(3), (6, 3)),
    "1d, length": (lambda: nn.BatchNorm1d(3), (6, 3, 5)),
    "2d": (lambda: nn.BatchNorm2d(3, eps=1e-3), (6, 3, 4, 4)),
    "plain": (lambda: nn.BatchNorm2d(3, affine=False), (6, 3, 4, 4)),
    "3d": (lambda: nn.BatchNorm3d(3), (2, 3, 2, 2, 2)),
}


@pytest.mark.parametrize(("make", "shape"), NORMS.values(), ids=NORMS)
def test_batch_norm_equals_torch_s_in_both_modes(make, shape):
    norm = make().double()
    if norm.affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    network = Network(nn.Sequential(norm))
    params, buffers = network.init()
    x, other = (torch.randn(shape, dtype=torch.float64) for _ in range(2))
    norm.momentum = 1.0  # so that the running statistics are the batch's

    assert buffers == {}, "running averages are the method's business"
    torch.testing.assert_close(network.apply(params, buffers, x), norm.train()(x))
    outputs, seen = network.observe(params, buffers, x)
    torch.testing.assert_close(outputs, norm(x))
    mean, var = seen["0"]
    count = x.numel() / 3
    torch.testing.assert_close(mean, norm.running_mean)
    torch.testing.assert_close(var * count / (count - 1), norm.running_var)

    given = {"0": torch.stack([norm.running_mean, norm.running_var])}
    answer = network.apply(params, buffers, other, statistics=given)
    torch.testing.assert_close(answer, norm.eval()(other))


def test_a_single_value_per_channel_is_normalised_to_the_bias():
    network = Network(nn.BatchNorm1d(3))
    assert network.apply(*network.init(), torch.randn(1, 3)).abs().max() < 1e-3


def test_a_norm_that_is_called_twice_has_statistics_for_each_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x):
            return self.norm(self.norm(x) + 5)

    network, x = Network(Twice()), torch.randn(8, 2)
    outputs, seen = network.observe(*network.init(), x)
    assert list(seen) == ["norm", "norm#2"]
    torch.testing.assert_close(network.apply(*network.init(), x, statistics=seen), outputs)


def test_the_module_itself_is_left_alone():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5))
    before = {n: b.clone() for n, b in net.state_dict().items()}
    network = Network(net)
    params, buffers = network.init(seeded())
    network.apply(params, buffers, torch.randn(4, 2), training=True)
    assert net.training
    assert isinstance(net[1], nn.BatchNorm1d)
    assert all((before[n] == b).all() for n, b in net.state_dict().items())


def test_weights_are_drawn_kept_or_built_anew():
    net = nn.Linear(2, 2)
    own, _ = Network(net).init()
    assert (own["weight"] == net.weight).all()
    first, again = (Network(net).init(seeded(3))[0] for _ in range(2))
    assert (first["weight"] == again["weight"]).all()
    assert (first["weight"] != own["weight"]).any()

    def build():
        made = nn.Linear(2, 2)
        nn.init.constant_(made.weight, 7.0)
        return made

    assert (Network(build).init(seeded())[0]["weight"] == 7).all()
    assert Network(build).draws_weights
    assert not Network(net).draws_weights


def test_drawing_leaves_torch_s_own_generator_alone():
    before = torch.get_rng_state()
    Network(conv4(5)).init(seeded())
    conv4(5)  # a fresh module does draw from it
    torch.set_rng_state(before)
    Network(lambda: nn.Identity()).init(seeded())
    assert (torch.get_rng_state() == before).all()


def test_buffers_that_are_no_running_averages_are_kept():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("shift", torch.tensor(2.0))

        def forward(self, x):
            return x + self.shift

    network = Network(Shifted())
    params, buffers = network.init()
    assert network.apply(params, buffers, torch.zeros(1, 1)) == 2
    assert network.apply(params, {"shift": torch.tensor(5.0)}, torch.zeros(1, 1)) == 5


def test_a_norm_that_two_places_share_is_one_norm():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2)
            self.again = nn.Sequential(nn.Linear(2, 2), self.norm)

        def forward(self, x):
            return self.again(self.norm(x))

    net, x = Shared(), torch.randn(8, 2)
    network = Network(net)
    assert network.norms == ["norm"]
    torch.testing.assert_close(network.apply(*network.init(), x), net(x))


def test_instance_norm_uses_the_instance_s_own_statistics():
    norm = nn.InstanceNorm1d(3, track_running_stats=True, affine=True)
    network, x = Network(norm), torch.randn(4, 3, 5)
    params, buffers = network.init()
    assert buffers == {}
    torch.testing.assert_close(network.apply(params, buffers, x), norm.train()(x))


def test_frozen_parameters_are_buffers_and_no_seed_draws_them_anew():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    net[0].requires_grad_(False)
    network = Network(net)
    for generator in (None, seeded()):
        params, buffers = network.init(generator)
        assert list(params) == ["1.weight", "1.bias"]
        assert (buffers["0.weight"] == net[0].weight).all()
    assert network.head == ["1.weight", "1.bias"]
    net[1].requires_grad_(False)
    assert Network(net).head == []


def test_what_forward_changes_in_place_is_a_copy():
    class Changes(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            self.calls += 1
            x += self.calls
            return x

    network, x = Network(Changes()), torch.zeros(1, 1)
    params, buffers = network.init()
    assert [float(network.apply(params, buffers, x)) for _ in range(2)] == [1, 1]
    assert (float(x), int(buffers["calls"])) == (0, 0)


def test_layers_without_sizes_are_asked_to_see_a_batch():
    net = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d())
    with pytest.raises(InputError, match=r"do not know their sizes yet; run one batch.*model\(x\)"):
        Network(net)
    net(torch.randn(4, 2))
    assert Network(net).norms == ["1"]


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_module_that_cannot_be_copied_is_refused_with_a_remedy():
    with pytest.raises(InputError, match=r"Linear cannot be copied .* use torch\.nn\.utils\.param"):
        Network(nn.utils.weight_norm(nn.Linear(2, 2)))


class Several(nn.Module):
    def forward(self, x):
        return {"logits": x}


@pytest.mark.parametrize(("make", "got"), [(lambda: nn.LSTM(2, 3), "tuple"), (Several, "dict")])
def test_a_model_that_returns_more_than_outputs_is_told_what_to_return(make, got):
    network = Network(make())
    with pytest.raises(InputError, match=rf"returned a {got}; let its forward return the outputs"):
        network.apply(*network.init(), torch.randn(4, 2))


def test_attention_s_dropout_is_drawn_in_the_inner_loop_and_not_afterwards():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 2, dropout=0.5, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x, need_weights=False)[0].mean(1)

    network, x = Network(Attends()), torch.randn(6, 3, 4)
    params, buffers = network.init()
    runs = [
        [network.apply(params, buffers, x, training=t) for _ in range(2)] for t in (True, False)
    ]
    assert [bool((a != b).any()) for a, b in runs] == [True, False]


def test_attention_is_differentiated_twice():
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True).double()
    network = Network(layer)
    params, buffers = network.init()
    x = torch.randn(2, 3, 4, dtype=torch.float64)

    def loss(p):
        return network.apply(p, buffers, x).square().sum()

    slope = torch.func.grad(
        lambda p: sum(g.square().sum() for g in torch.func.grad(loss)(p).values())
    )
    assert all(g.isfinite().all() for g in slope(params).values())


@pytest.mark.parametrize("model", [3, "conv4", lambda: 3])
def test_a_model_must_be_a_module(model):
    with pytest.raises(InputError, match=r"must be a torch\.nn\.Module or a function"):
        Network(model)


def test_a_network_is_not_wrapped_twice():
    with pytest.raises(InputError, match="already wrapped"):
        Network(Network(nn.Linear(1, 1)))


def test_built_in_models_remember_their_call():
    spec = model_spec(conv4(outputs=5, width=8))
    assert (spec.name, spec.settings["width"], spec.settings["outputs"]) == ("conv4", 8, 5)
    assert spec.build()[0].out_channels == 8
    assert model_spec(nn.Linear(1, 1)) is None


@pytest.mark.parametrize("make", [conv4, resnet6])
@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 84)])
def test_features_have_the_width_that_is_declared(make, channels, size):
    x = torch.randn(2, channels, size, size)
    net = make(channels=channels, size=size)
    assert net(x).shape == (2, net.features)
    assert make(5, channels=channels, size=size)(x).shape == (2, 5)
    strided = conv4(channels=channels, size=size, strided=True, width=8)
    assert strided(x).shape == (2, strided.features)


def test_resnet6_unshuffles_pixels_as_torch_does():
    x = torch.randn(2, 3, 8, 8)
    assert (resnet6(channels=3, size=8)[0](x) == F.pixel_unshuffle(x, 2)).all()


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(InputError, match="at least 16, got 8; enlarge"):
        conv4(size=8)
    with pytest.raises(InputError, match="even and at least 4, got 27; resize"):
        resnet6(size=27)


def test_mlp_has_the_layers_that_are_asked_for():
    assert mlp(3, 2, hidden=5, layers=1)(torch.zeros(4, 3)).shape == (4, 2)
    assert mlp(3, None, hidden=5).features == 5


class NormAndReLU(nn.BatchNorm2d):
    """As other houses have it: a norm whose forward goes on."""

    def __init__(self, channels):
        super().__init__(channels)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(super().forward(x))


class Doubled(nn.BatchNorm2d):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_batch_norm_with_a_forward_of_its_own_keeps_what_follows_or_is_refused(kind):
    network = Network(nn.Sequential(nn.Conv2d(3, 3, 1), NormAndReLU(3)).to(kind))
    x = torch.randn(5, 3, 4, 4, dtype=kind)
    outputs, seen = network.observe(*network.init(None), x)
    torch.testing.assert_close(outputs, network.module.train()(x))
    assert list(seen) == ["1"]
    with pytest.raises(InputError, match=r"Doubled is a batch norm with a forward of its own"):
        Network(nn.Sequential(nn.Conv2d(3, 3, 1), Doubled(3)))
