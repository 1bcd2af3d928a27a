import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.inner import body, everything, head
from innerloop.inner.prototypes import add_classes, class_means, class_sums
from innerloop.models import Network

NET = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))


def test_which_parameters_move():
    network = Network(NET)
    assert head(network) == ["2.weight", "2.bias"]
    assert body(network) == ["0.weight", "0.bias"]
    assert everything(network) == [*body(network), *head(network)]


def test_fast_holds_only_what_moved():
    support = il.Examples(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]))
    for make, names in ((il.anil, head), (il.boil, body), (il.maml, everything)):
        learner = make(NET)
        fast = learner.adapt(learner.init(), support)
        assert list(fast["params"]) == names(learner.method.network)


def test_no_step_is_no_adaptation():
    learner = il.maml(NET, inner_steps=0)
    meta = learner.init()
    fast = learner.adapt(meta, il.Examples(torch.randn(2, 2), torch.tensor([0, 1])))
    x = torch.randn(3, 2)
    torch.testing.assert_close(learner.predict(meta, fast, x), NET(x).detach())


def test_steps_are_not_negative():
    with pytest.raises(
        il.InputError, match="inner_steps must be a whole number of 0 or more, got -1"
    ):
        il.maml(NET, inner_steps=-1)


def test_more_steps_fit_the_support_set_better():
    learner = il.maml(NET, inner_lr=0.5)
    meta, x = learner.init(), torch.randn(6, 2)
    support = il.Examples(x, (x[:, 0] > 0).long())
    losses = []
    for steps in (0, 1, 5, 50):
        longer = learner.replace(inner_steps=steps)
        outputs = longer.predict(meta, longer.adapt(meta, support), x)
        losses.append(float(il.losses.mean_loss(None, outputs, support)))
    assert losses == sorted(losses, reverse=True)


def test_classes_are_summed_and_added_to():
    features = torch.tensor([[1.0], [2.0], [4.0]])
    x = torch.zeros(3, 1)
    first = class_sums(features, il.Examples(x, torch.tensor([0, 1, 1])))
    second = class_sums(features, il.Examples(x, torch.tensor([1, 2, 2])))
    both = add_classes(first, second)
    assert both["counts"].tolist() == [1, 3, 2]
    assert class_means(both)[:, 0].tolist() == pytest.approx([1, 7 / 3, 3])


def test_freezing_everything_is_refused():
    with pytest.raises(il.InputError, match=r"freeze='\*' leaves the inner loop nothing to move"):
        il.maml(torch.nn.Linear(1, 1), freeze="*")
    assert il.maml(torch.nn.Linear(1, 1), freeze="bias").method.moving() == ["weight"]
