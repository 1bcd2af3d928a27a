import pytest
import torch
from torch import nn

from innerloop import InputError
from innerloop.models import Encoder


def net():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh())


def test_running_statistics_follow_torch_s_own_but_for_the_beginning():
    module = net()
    encoder = Encoder(module)
    params, state = encoder.init(torch.Generator().manual_seed(0))
    batches = torch.randn(60, 32, 2)
    means = []
    for x in batches:
        _, state = encoder.observe(params, state, x)
        means.append(torch.nn.functional.linear(x, params["0.weight"], params["0.bias"]).mean(0))
    assert float(state["running.batches"]) == 60
    expected = torch.stack(means[:10]).mean(0)  # the first ten count alike
    for mean in means[10:]:
        expected = 0.9 * expected + 0.1 * mean
    torch.testing.assert_close(state["running.1"][0], expected)


def test_the_first_batch_replaces_the_arbitrary_beginning():
    encoder = Encoder(nn.BatchNorm1d(2))
    params, state = encoder.init()
    x = 7 + 3 * torch.randn(50, 2)
    outputs, state = encoder.observe(params, state, x)
    torch.testing.assert_close(encoder.apply(params, state, x), outputs, atol=1e-4, rtol=1e-4)


def test_a_pretrained_module_keeps_its_statistics_unless_weights_are_drawn():
    module = net().train()
    for _ in range(3):
        module(5 + torch.randn(8, 2))
    encoder, x = Encoder(module), torch.randn(4, 2)
    torch.testing.assert_close(encoder.apply(*encoder.init(), x), module.eval()(x))
    _, fresh = encoder.init(torch.Generator().manual_seed(0))
    assert fresh["running.1"].tolist() == [[0, 0, 0], [1, 1, 1]]
    assert float(fresh["running.batches"]) == 0


def test_a_norm_that_is_called_twice_has_the_mean_of_both():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(2, affine=False)

        def forward(self, x):
            return self.norm(self.norm(x) + 6)

    encoder = Encoder(Twice())
    params, state = encoder.init()
    _, state = encoder.observe(params, state, torch.randn(50, 2))
    torch.testing.assert_close(state["running.norm"][0], torch.tensor([3.0, 3.0]), atol=0.3, rtol=0)
    assert encoder.apply(params, state, torch.randn(1, 2)).shape == (1, 2)


def test_without_batch_norm_there_is_no_state():
    encoder = Encoder(nn.Linear(2, 3))
    params, state = encoder.init()
    assert state == {}
    assert encoder.observe(params, state, torch.zeros(1, 2))[1] == {}


def test_the_number_of_features_is_found_or_asked_for():
    assert Encoder(nn.Sequential(nn.Linear(2, 5), nn.ReLU())).features == 5
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())
    with pytest.raises(InputError, match=r"for example model\.features = 512"):
        _ = Encoder(module).features
    module.features = 16
    assert Encoder(module).features == 16
