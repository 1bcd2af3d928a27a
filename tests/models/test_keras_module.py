"""Models of other houses, where those are installed."""

import copy
import os

import pytest
import torch

import innerloop as il

os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture
def keras():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("Keras runs on another backend: KERAS_BACKEND=torch")
    return keras


def numbers(tasks=3):
    g = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
        x = torch.randn(tasks, 6, 3, generator=g)
        sides.append(il.Examples(x, x.sum(-1, keepdim=True).sin()))
    return il.Episodes(*sides)


def test_a_keras_model_is_meta_learnt_like_the_same_module(keras):
    layers = keras.layers
    net = keras.Sequential(
        [layers.Input((3,)), layers.Dense(8, activation="tanh"), layers.Dense(1)]
    )
    plain = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    with torch.no_grad():
        for ours, theirs in ((plain[0], net.layers[0]), (plain[2], net.layers[1])):
            ours.weight.copy_(theirs.kernel.value.T)
            ours.bias.copy_(theirs.bias.value)
    episodes = numbers()
    before = copy.deepcopy([v.value for v in net.trainable_variables])
    found, expected = (
        il.maml(model, inner_lr=0.1, inner_steps=2).gradient(il.maml(model).init(), episodes)
        for model in (net, plain)
    )
    torch.testing.assert_close(found.losses, expected.losses)
    grads = list(found.grads.values())
    torch.testing.assert_close(grads[0].T, expected.grads["0.weight"])
    torch.testing.assert_close(grads[3], expected.grads["2.bias"])
    assert all((v.value == b).all() for v, b in zip(net.trainable_variables, before, strict=True))
    assert len(il.anil(net).method.moving()) == 2


def test_a_keras_model_that_cannot_be_used_is_refused(keras):
    layers = keras.layers
    with pytest.raises(il.InputError, match=r"begin it with keras\.layers\.Input"):
        il.maml(keras.Sequential([layers.Dense(1)]))
    with pytest.raises(il.InputError, match=r"take keras\.layers\.GroupNormalization"):
        il.maml(keras.Sequential([layers.Input((3,)), layers.BatchNormalization()]))


def test_bodies_of_fastai():
    vision = pytest.importorskip("fastai.vision.all")
    torch.manual_seed(0)
    x, y = torch.randn(2, 4, 3, 16, 16), torch.arange(2).repeat(2, 2)
    episodes = il.Episodes(il.Examples(x, y), il.Examples(x, y))
    for net in (vision.SimpleCNN([3, 4, 4, 2]), vision.xresnet18(n_out=2)):
        learner = il.maml(net, inner_lr=0.1)
        found = learner.gradient(learner.init(), episodes)
        assert found.kept.all()
        assert learner.path != "loop"
        assert set(found.grads) == {n for n, _ in net.named_parameters()}
        assert sum(float(g.abs().sum()) > 0 for g in found.grads.values()) > len(found.grads) / 2


def test_a_tabular_model_of_fastai():
    tabular = pytest.importorskip("fastai.tabular.all")
    learner = il.maml(tabular.TabularModel([(3, 2)], 3, 2, [8]), inner_lr=0.1)
    x = {"x_cat": torch.randint(3, (2, 6, 1)), "x_cont": torch.randn(2, 6, 3)}
    y = torch.arange(2).repeat(2, 3)
    found = learner.gradient(learner.init(), il.Episodes(il.Examples(x, y), il.Examples(x, y)))
    assert found.kept.all()
    assert found.losses.shape == (2,)
