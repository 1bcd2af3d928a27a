"""Tasks between tasks: mixed alike in support and query, row by row, in meta-training alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import innerloop as il
from innerloop import Examples, InputError
from innerloop.episodes import Draws
from innerloop.tasks.interpolated import between


def lines(share: float = 1.0) -> il.tasks.Tasks:
    return il.tasks.interpolate(il.tasks.linear(shots=4, queries=6), share)


def test_every_mixed_row_lies_between_its_two():
    own, other = (
        il.tasks.linear().train.sample(0, 0, 3).support,
        il.tasks.linear().test.sample(0, 0, 3).support,
    )
    kept = torch.tensor([0.0, 0.25, 1.0])
    found = between(own, other, kept)
    for t, m in enumerate(kept.tolist()):
        assert torch.allclose(found.x[t], m * own.x[t] + (1 - m) * other.x[t])
        assert torch.allclose(found.y[t], m * own.y[t] + (1 - m) * other.y[t])


def test_support_and_query_of_a_pair_are_mixed_alike():
    """The mean of x of many rows tells how much was kept, were the two tasks constant."""

    def constant(rng):
        value = rng.integers(1, 10_000)
        return np.full((20, 1), float(value)), np.full(20, float(value))

    tasks = il.tasks.interpolate(il.tasks.function(constant, shots=5, queries=7), 1.0)
    batch = tasks.train.sample(tasks=20)
    value = batch.support.x[:, :1]
    for side in (batch.support, batch.query):
        assert torch.allclose(side.x, value.expand_as(side.x))
        assert torch.allclose(side.y, value.expand_as(side.y))


def test_a_share_is_mixed_and_the_others_are_the_streams_own():
    plain = il.tasks.linear(shots=4, queries=6).train.sample(0, 0, 400)
    found = lines(0.3).train.sample(0, 0, 400)
    same = (plain.support.x == found.support.x).flatten(1).all(1)
    assert 0.6 < same.float().mean() < 0.8
    assert torch.equal(plain.query.y[same], found.query.y[same])
    assert torch.equal(plain.task, found.task)


def test_how_much_is_kept_is_beta_distributed():
    weight = Draws(0, "x", np.arange(20_000)).apart("mixing").unit(2)[:, 1]
    kept = np.sin(np.pi / 2 * weight) ** 2
    assert abs(kept.mean() - 0.5) < 0.01
    assert abs(kept.var() - 1 / 8) < 0.005
    assert abs((kept < 0.1).mean() - 2 / np.pi * np.arcsin(np.sqrt(0.1))) < 0.01


def test_batches_of_any_size_cut_one_sequence():
    stream = lines(0.5).train
    whole, part = stream.sample(3, 0, 8), stream.sample(3, 3, 2)
    assert torch.equal(whole.support.y[6:], part.support.y)
    assert torch.equal(whole.query.x[6:], part.query.x)


def test_only_meta_training_is_mixed():
    plain, found = il.tasks.linear(shots=4, queries=6), lines()
    for split in ("validation", "test"):
        assert torch.equal(
            found.split(split).sample().support.y, plain.split(split).sample().support.y
        )
    assert not torch.equal(found.train.sample().support.y, plain.train.sample().support.y)


def test_a_class_between_two_is_a_class_of_its_own():
    plain = il.tasks.digits(ways=3, shots=2, queries=2)
    found = il.tasks.interpolate(plain, 1.0).train.sample(0, 0, 30)
    own = plain.train.sample(0, 0, 30)
    assert torch.equal(found.support.y, own.support.y)
    assert found.classes is None
    assert ((found.support.x >= 0) & (found.support.x <= 1)).all()
    changed = (found.support.x - own.support.x).abs().flatten(1).amax(1) > 0.1
    assert changed.float().mean() > 0.5


def test_rows_that_pad_stay_as_they_are():
    tasks = il.tasks.interpolate(il.tasks.digits(ways=(2, 4), shots=(1, 3)), 1.0)
    batch = tasks.train.sample(0, 0, 20)
    plain = il.tasks.digits(ways=(2, 4), shots=(1, 3)).train.sample(0, 0, 20)
    assert torch.equal(batch.support.mask, plain.support.mask)
    for task, before in zip(batch, plain, strict=True):
        assert task.support.x.shape == before.support.x.shape
    a = Examples(torch.zeros(1, 3, 1), torch.zeros(1, 3, 1))
    b = Examples(torch.ones(1, 3, 1), torch.ones(1, 3, 1), torch.tensor([[True, False, True]]))
    assert between(a, b, torch.tensor([0.5])).y.flatten().tolist() == [0.5, 0, 0.5]


def test_ranges_of_shots_are_shared_by_a_pair():
    tasks = il.tasks.interpolate(il.tasks.linear(shots=(2, 9)), 1.0)
    assert tasks.train.sample(0, 0, 16).support.mask is None  # of one block


def test_a_family_is_made_again_from_what_is_written():
    found = lines(0.5).replace(shots=7)
    written = json.loads(json.dumps(found.settings))
    again = il.tasks.TASKS[found.name](**written)
    assert torch.equal(again.train.sample().support.y, found.train.sample().support.y)
    assert again.test.shots == 7


def test_a_run_remembers_it_and_goes_on(tmp_path):
    quick = {"meta_batch": 4, "validation_episodes": 4, "progress": False, "out": tmp_path / "run"}
    learner = il.maml(il.models.mlp(1, 1, hidden=4, layers=1))
    il.train(learner, lines(0.5), steps=2, **quick)
    run = il.load(tmp_path / "run")
    assert run.tasks.name == "interpolated"
    assert run.tasks.train.share == 0.5
    again = il.train(learner, run.tasks, steps=2, **quick, resume=True)
    for name, leaf in again.meta.params.items():
        assert torch.equal(leaf, run.meta.params[name])
    with pytest.raises(InputError, match=r"share is 0\.5 there and 0\.9 here"):
        il.train(learner, lines(0.9), steps=2, **quick, resume=True)


def test_what_cannot_be_mixed_is_said():
    with pytest.raises(InputError, match=r"share is the part of the tasks that is mixed.*got 0"):
        il.tasks.interpolate(il.tasks.linear(), 0.0)
    tokens = il.tasks.arrays(
        np.arange(400).reshape(100, 4), np.repeat(np.arange(20), 5), ways=2, shots=1, queries=2
    )
    with pytest.raises(InputError, match="only numbers can be mixed"):
        il.tasks.interpolate(tokens)
    with pytest.raises(InputError, match="of must be one of"):
        il.tasks.interpolated(of="interpolated")
    with pytest.raises(InputError, match="did you mean linear"):
        il.tasks.interpolated(of="linar")
