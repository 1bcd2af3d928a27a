"""Every encoder: many tasks are the single ones, and the order of rows does not matter."""

from __future__ import annotations

import pytest
import torch
from structure_cases import classes, embedding, learner, numbers

import innerloop as il
from innerloop import Episodes, Examples, InputError
from innerloop.episodes import together
from innerloop.outer import Learner, Spec
from innerloop.structure import Point, contrastive, coordinates, from_learner, signature
from innerloop.structure.signature import row_gradients

CASES = {
    "embedding": (embedding(), numbers()),
    "embedding without spread": (embedding(spread=False), numbers()),
    "maml, numbers": (learner("maml", outputs=1), numbers()),
    "maml, classes, batch norm": (learner("maml", outputs=3, norm=True), classes()),
    "protonet": (learner("protonet", outputs=0), classes()),
    "ridge, classes": (learner("ridge", outputs=0), classes()),
    "ridge, numbers": (learner("ridge", outputs=0), numbers()),
    "nearest": (il.nearest_neighbour(), numbers()),
}


def encoder(name: str):
    made, episodes = CASES[name]
    return from_learner(made, made.init(torch.Generator().manual_seed(0))), episodes


@pytest.mark.parametrize("name", CASES)
def test_many_tasks_are_the_single_ones(name):
    encode, episodes = encoder(name)
    many = encode.many(episodes)
    for t, task in enumerate(episodes):
        for found, alone in zip(many, encode(task.support), strict=True):
            assert (found[t] - alone).abs().max() < 1e-10
    assert (many.variance >= 0).all()
    assert (many.mean[0] - many.mean[1]).abs().max() > 1e-6  # tasks differ, and it shows


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_rows_does_not_matter(name):
    encode, episodes = encoder(name)
    support = episodes[0].support
    order = torch.randperm(len(support.y), generator=torch.Generator().manual_seed(3))
    shuffled = Examples(support.x[order], support.y[order], ways=support.ways)
    for one, other in zip(encode(support), encode(shuffled), strict=True):
        assert (one - other).abs().max() < 1e-10


@pytest.mark.parametrize("name", ["protonet", "ridge, classes"])
def test_learners_that_treat_classes_alike_place_a_task_whatever_their_order(name):
    encode, episodes = encoder(name)
    support = episodes[0].support
    renamed = Examples(support.x, torch.tensor([2, 0, 1])[support.y], ways=3)
    assert torch.allclose(encode(support).mean, encode(renamed).mean)


def test_padding_does_not_count():
    encode, _ = encoder("maml, numbers")
    tasks = [numbers(tasks=1, rows=rows, seed=rows)[0] for rows in (3, 5, 3)]
    many = encode.many(together(tasks))
    for t, task in enumerate(tasks):
        assert (many.mean[t] - encode(task.support).mean).abs().max() < 1e-10


def test_a_signature_is_the_projected_mean_gradient_and_the_fisher_of_each_tensor():
    made, episodes = CASES["maml, numbers"]
    meta, support = made.init(torch.Generator().manual_seed(0)), episodes[0].support
    rows = row_gradients(made.method, meta, support)
    whole = torch.func.grad(
        lambda p: il.losses.mean_loss(
            None, made.method.network.apply(p, meta.state, support.x), support
        )
    )(meta.params)
    for name, gradient in whole.items():
        assert (rows[name].mean(0) - gradient.flatten()).abs().max() < 1e-12
    point = signature(made, meta, dims=7)(support)
    fisher = torch.stack([leaf.square().mean() for leaf in rows.values()])
    assert torch.allclose(point.mean[7:].exp(), fisher)
    # a sketch keeps lengths on average over its seeds
    flat = torch.cat([leaf.mean(0) for leaf in rows.values()])
    squares = [
        signature(made, meta, dims=7, seed=s)(support).mean[:7].square().sum() for s in range(200)
    ]
    assert abs(torch.stack(squares).mean() / flat.square().sum() - 1) < 0.15


def test_a_signature_is_decided_by_its_seed():
    made, episodes = CASES["maml, numbers"]
    meta = made.init(torch.Generator().manual_seed(0))
    one, same, other = (signature(made, meta, seed=s)(episodes[0].support).mean for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_trained_set_encoder_recognises_a_task_by_other_rows_of_it():
    stream = il.tasks.sinusoids().train
    encode = contrastive(stream, steps=60, width=32, dims=8)
    again = contrastive(stream, steps=60, width=32, dims=8)
    new = il.tasks.sinusoids().test.sample(seed=1, tasks=40)
    mean = encode.many(new).mean
    assert torch.equal(mean, again.many(new).mean)
    assert torch.allclose(mean.norm(dim=-1), torch.ones(40))
    others = encode.many(Episodes(new.query, new.support)).mean
    found = (mean @ others.T).argsort(1, descending=True)[:, :5]
    hits = (found == torch.arange(40)[:, None]).any(1).float().mean()
    assert hits > 0.4  # of 40 tasks, by chance 0.125


def test_a_set_encoder_minds_neither_the_order_of_rows_nor_of_classes():
    encode = contrastive(il.tasks.digits(shots=2).train, steps=1, meta_batch=4, width=8)
    support = il.tasks.digits(shots=2).test.sample(tasks=1)[0].support
    order = torch.randperm(len(support.y), generator=torch.Generator().manual_seed(1))
    other = Examples(
        support.x[order], torch.tensor([3, 1, 4, 0, 2])[support.y[order]], ways=support.ways
    )
    assert torch.allclose(encode(support).mean, encode(other).mean, atol=1e-5)


def test_coordinates_are_mean_and_deviation():
    both = Point(torch.zeros(2, 3), torch.full((2, 3, 3), 4.0))
    assert coordinates(both).tolist() == [[0, 0, 0, 2, 2, 2]] * 2


def test_what_cannot_place_a_task_says_so():
    class Bare:
        pass

    bare = Learner(Bare(), Spec(embedding, None, {}))
    with pytest.raises(InputError, match=r"has neither embed.* use structure\.contrastive"):
        from_learner(bare, il.Meta({}, {}))
    made = il.protonet(torch.nn.Linear(2, 2))
    with pytest.raises(
        InputError, match="needs a learner that descends, such as maml, got protonet"
    ):
        signature(made, made.init())
    made, _ = CASES["maml, numbers"]
    with pytest.raises(InputError, match="dims must be at least 1, got 0"):
        signature(made, made.init(), dims=0)
    with pytest.raises(InputError, match="meta_batch at least 2"):
        contrastive(il.tasks.linear().train, meta_batch=1)


def test_families_known_at_meta_training_guide_a_map_of_other_tasks():
    tasks = il.tasks.mixture()
    own = il.structure.contrastive(tasks.train, steps=100)
    led = il.structure.guided(own, tasks.train, episodes=2_000, steps=300)
    found = [
        il.structure.task_map(each, tasks.test, episodes=150, seeds=1).agreement.values.item()
        for each in (own, led)
    ]
    assert found[1] > found[0] + 0.1
    again = il.structure.guided(own, tasks.train, episodes=2_000, steps=300)
    support = tasks.test.sample(tasks=1)[0].support
    assert torch.equal(led(support).mean, again(support).mean)


def test_a_map_is_guided_only_by_families_that_are_known():
    tasks = il.tasks.sinusoids()
    with pytest.raises(il.InputError, match="no known families that could guide a map"):
        il.structure.guided(il.structure.contrastive(tasks.train, steps=1), tasks.train)
