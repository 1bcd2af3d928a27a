"""What the metric and transfer learners compute, beyond the laws that all keep."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import innerloop as il


def points(seed=0, ways=3, shots=4):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(ways).repeat(shots)
    centres = 4 * torch.randn(ways, 2, generator=g)
    return il.Examples(centres[y] + 0.1 * torch.randn(len(y), 2, generator=g), y)


def test_a_prototype_is_the_mean_of_its_class_and_logits_are_minus_distances():
    net = nn.Linear(2, 5)
    learner, support = il.protonet(net), points()
    meta = learner.init()
    x = torch.randn(6, 2)
    fast = learner.adapt(meta, support)
    means = torch.stack([net(support.x[support.y == n]).mean(0) for n in range(3)])
    expected = -torch.cdist(net(x), means).square()
    torch.testing.assert_close(
        learner.predict(meta, fast, x), expected.detach(), atol=1e-4, rtol=1e-4
    )


def test_cosine_learns_its_scale():
    learner, support = il.protonet(nn.Linear(2, 5), distance="cosine"), points()
    meta = learner.init()
    logits = learner.predict(meta, learner.adapt(meta, support), support.x)
    assert logits.abs().max() <= 10 + 1e-4
    episodes = il.Episodes(
        *(il.Examples(e.x[None], e.y[None], ways=3) for e in (support, points(1)))
    )
    assert learner.gradient(meta, episodes).grads["cosine.log_scale"] != 0


def test_a_new_class_is_added_and_an_absent_one_is_never_the_answer():
    learner, support = il.protonet(nn.Identity()), points()
    meta = learner.init()
    some = il.Examples(support.x[support.y != 1], support.y[support.y != 1], ways=3)
    fast = learner.adapt(meta, some)
    x = support.x[support.y == 1]
    assert (learner.predict(meta, fast, x)[:, 1] == -torch.inf).all()
    more = il.Examples(torch.full((2, 2), 50.0), torch.tensor([3, 3]))
    grown = learner.observe(meta, fast, more)
    assert learner.predict(meta, grown, torch.full((1, 2), 49.0)).argmax() == 3


def test_an_episode_with_a_class_of_five_trains_no_worse_than_any():
    """A support set that lacks a class gives that class's queries no finite loss: it is dropped."""
    learner, support = il.protonet(nn.Linear(2, 2)), points()
    some = il.Examples(support.x[None, support.y != 1], support.y[None, support.y != 1], ways=3)
    query = il.Examples(support.x[None], support.y[None], ways=3)
    found = learner.gradient(learner.init(), il.Episodes(some, query))
    assert found.kept.tolist() == [False]


@pytest.mark.parametrize("name", ["finetune", "baseline_pp"])
@pytest.mark.parametrize("moves", ["head", "all"])
def test_transfer_learners_fit_a_new_task(name, moves):
    learner = il.ALGORITHMS[name](nn.Linear(2, 8), classes=9, moves=moves)
    meta, support = learner.init(torch.Generator().manual_seed(0)), points()
    fast = learner.adapt(meta, support)
    assert (learner.predict(meta, fast, support.x).argmax(1) == support.y).all()
    assert ("weight" in fast) == (moves == "all")
    assert fast["head.weight"].shape == (3, 8)


def test_pretraining_tells_all_classes_apart():
    net = nn.Linear(2, 4)
    learner = il.finetune(net, classes=9)
    meta = learner.init(torch.Generator().manual_seed(0))
    layer = {n: torch.randn_like(p) for n, p in meta.params.items() if n.startswith("head")}
    meta = il.Meta({**meta.params, **layer}, meta.state)
    support, query = points(0), points(1)
    classes = torch.tensor([[7, 2, 5]])
    episodes = il.Episodes(
        *(il.Examples(e.x[None], e.y[None], ways=3) for e in (support, query)), classes=classes
    )
    z = F.linear(torch.cat([support.x, query.x]), meta.params["weight"], meta.params["bias"])
    logits = F.linear(z, layer["head.weight"], layer["head.bias"])
    expected = F.cross_entropy(logits, classes[0, torch.cat([support.y, query.y])])
    torch.testing.assert_close(learner.gradient(meta, episodes).losses[0], expected)


def test_pretraining_needs_the_classes_names_and_their_number():
    support = points()
    both = [il.Examples(support.x[None], support.y[None], ways=3)] * 2
    learner = il.finetune(nn.Linear(2, 4), classes=9)
    with pytest.raises(il.InputError, match=r"give episode\.classes"):
        learner.gradient(learner.init(), il.Episodes(*both))
    learner = il.finetune(nn.Linear(2, 3))
    with pytest.raises(il.InputError, match="pass classes="):
        learner.gradient(learner.init(), il.Episodes(*both))


def test_joint_training_is_plain_regression_on_all_tasks():
    net = nn.Linear(2, 1)
    learner = il.finetune(net, inner_steps=200)
    meta, x = learner.init(), torch.randn(4, 2)
    support = il.Examples(x, x.sum(1, keepdim=True))
    fast = learner.adapt(meta, support)
    before = (net(x) - support.y).square().mean()
    assert (learner.predict(meta, fast, x) - support.y).square().mean() < 0.1 * before


def test_scratch_draws_a_new_start_for_every_task():
    learner = il.scratch(nn.Linear(2, 3), inner_steps=3)
    meta, support = learner.init(torch.Generator().manual_seed(0)), points()
    draws = [
        learner.adapt(meta, support, generator=torch.Generator().manual_seed(s)) for s in (0, 1, 1)
    ]
    weights = [fast["params"]["weight"] for fast in draws]
    assert (weights[0] != weights[1]).any()
    assert (weights[1] == weights[2]).all()


def test_nearest_neighbour_votes_and_a_tie_goes_to_the_nearer():
    x = torch.tensor([[0.0], [1.0], [2.2], [9.0]])
    support = il.Examples(x, torch.tensor([0, 1, 1, 0]))

    def answer(neighbours, at):
        learner = il.nearest_neighbour(neighbours=neighbours)
        meta = learner.init()
        return learner.predict(meta, learner.adapt(meta, support), torch.tensor([[at]]))[0]

    assert answer(1, 0.4).argmax() == 0
    assert answer(2, 0.4).argmax() == 0, "one vote each: the nearer"
    assert answer(3, 0.4).argmax() == 1
    assert answer(99, 0.4).exp().sum() == pytest.approx(1)
    torch.testing.assert_close(answer(1, 0.4).exp(), torch.tensor([0.75, 0.25]))


def test_nearest_neighbours_of_numbers_are_averaged():
    x = torch.tensor([[0.0], [1.0], [9.0]])
    support = il.Examples(x, torch.tensor([[1.0], [3.0], [50.0]]))
    learner = il.nearest_neighbour(neighbours=2)
    meta = learner.init()
    fast = learner.adapt(meta, support)
    assert learner.predict(meta, fast, torch.tensor([[0.4], [8.0]])).tolist() == [[2.0], [26.5]]


def test_a_neighbour_at_least():
    with pytest.raises(il.InputError, match="at least 1, got 0"):
        il.nearest_neighbour(neighbours=0)


def test_nearest_centroid_can_compare_directions_from_the_centre():
    x = 100 + torch.tensor([[1.0, 0.0], [9.0, 1.0], [0.0, 1.0], [1.0, 9.0]])
    support = il.Examples(x, torch.tensor([0, 0, 1, 1]))
    learner = il.nearest_centroid(normalise=True)
    meta = learner.init()
    fast = learner.adapt(meta, support)
    assert learner.predict(meta, fast, x[[1, 3]]).argmax(1).tolist() == [0, 1]


def test_features_of_a_model_are_compared_where_one_is_given():
    class Second(nn.Module):
        def forward(self, x):
            return x[:, 1:]

    support = il.Examples(torch.tensor([[0.0, 0.0], [9.0, 5.0]]), torch.tensor([0, 1]))
    query = torch.tensor([[9.0, 0.0], [0.0, 5.0]])
    for make in (il.nearest_neighbour, il.nearest_centroid):
        for model, expected in ((None, [1, 0]), (Second(), [0, 1])):
            learner = make(model)
            meta = learner.init()
            fast = learner.adapt(meta, support)
            assert learner.predict(meta, fast, query).argmax(1).tolist() == expected
