"""Five questions to a learner, asked of learners whose answers are known."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from structure_cases import two_kinds

import innerloop as il
from innerloop import InputError
from innerloop.episodes import together
from innerloop.outer import Learner, Spec
from innerloop.structure import probe
from innerloop.structure.changed import ChangedStream, doubled_rows, shuffled_labels
from innerloop.structure.probe import gives

LINES, DIGITS = il.tasks.linear(shots=4), il.tasks.digits(ways=3, shots=2, queries=4)


@dataclass(frozen=True)
class Deaf:
    """Answers the same whatever it was shown."""

    seed: int = 0

    def adapt(self, meta, support, *, generator=None):
        return {"nothing": support.x.sum() * 0}

    def predict(self, meta, fast, x):
        g = torch.Generator().manual_seed(self.seed)
        return x.flatten(1) @ torch.randn(784, 3, generator=g) + fast["nothing"]


@dataclass(frozen=True)
class Strict(Deaf):
    def adapt(self, meta, support, *, generator=None):
        if len(support.y) < 3:
            raise InputError("two classes are needed, got one; add another.", "需要两个类别。")
        return super().adapt(meta, support)


def made(method) -> tuple[Learner, il.Meta]:
    def deaf() -> None: ...

    return Learner(method, Spec(deaf, None, {})), il.Meta({}, {})


def padded():
    tasks = [LINES.train.replace(shots=n).sample(tasks=1)[0] for n in (2, 5, 3)]
    return together(tasks)


@pytest.mark.parametrize("batch", [padded(), DIGITS.test.sample(tasks=5)])
def test_shuffled_labels_are_the_same_labels_of_the_same_task(batch):
    found = shuffled_labels(batch, np.arange(len(batch)))
    moved = 0
    for before, after in zip(batch, found, strict=True):
        assert torch.equal(before.support.x, after.support.x)
        assert sorted(before.support.y.flatten().tolist()) == sorted(
            after.support.y.flatten().tolist()
        )
        moved += not torch.equal(before.support.y, after.support.y)
    assert moved > 1
    alone = shuffled_labels(batch[1:2], np.array([1]))  # whatever its companions
    assert torch.equal(alone[0].support.y, found[1].support.y)


@pytest.mark.parametrize("batch", [padded(), DIGITS.test.sample(tasks=3)])
def test_doubled_rows_are_the_rows_twice(batch):
    for before, after in zip(batch, doubled_rows(batch, np.arange(3)), strict=True):
        assert torch.equal(after.support.x, torch.cat([before.support.x] * 2))
        assert torch.equal(after.support.y, torch.cat([before.support.y] * 2))
        assert torch.equal(after.query.x, before.query.x)


def test_a_learner_that_is_not_moved_by_one_class_is_seen():
    learner, meta = made(Deaf(seed=3))
    found = probe(learner, meta, DIGITS.test, episodes=4)
    fixed = learner.predict(
        meta, {"nothing": 0.0}, DIGITS.test.sample(tasks=4).query.x.flatten(0, 1)
    )
    assert torch.allclose(found.only, (fixed.argmax(1) == 0).double().view(4, 12).mean(1))
    assert found.only.mean() < 0.9
    uneven = DIGITS.test.replace(ways=(2, 3), shots=(1, 3))
    learner = il.nearest_centroid()
    found = probe(learner, learner.init(), uneven, episodes=10)
    assert found.only.tolist() == [1] * 10


def test_a_changed_stream_has_the_streams_own_tasks():
    stream = ChangedStream.of(LINES.test, change=doubled_rows)
    assert (stream.name, stream.shots, stream.scale) == ("linear/test", 4, 1.0)
    once, parts = stream.sample(0, 1, 2), stream.sample(0, 0, 4)
    assert torch.equal(once.support.x, parts.support.x[2:])
    assert torch.equal(once.query.x, LINES.test.sample(0, 1, 2).query.x)


def test_a_learner_that_does_not_listen_is_found_out():
    learner, meta = made(Deaf())
    found = probe(learner, meta, DIGITS.test, episodes=30)
    assert not found.uses_labels
    assert "deaf ignores its labels, as far as 30 tasks can tell" in str(found)
    assert torch.equal(found.plain, found.shuffled)
    assert found.to_json()["shuffled"]["worse"] == {"mean": 0, "ci95": 0}


def test_a_learner_that_listens_is_seen_to():
    learner = il.protonet(il.models.mlp(784, None, hidden=16))
    found = probe(learner, learner.init(torch.Generator().manual_seed(0)), DIGITS.test, episodes=30)
    assert found.uses_labels
    assert "protonet learns from its labels: shuffled, they cost" in str(found)
    assert (found.plain - found.doubled).abs().max() < 1e-6  # a mean is a mean
    assert found.only.tolist() == [1] * 30
    assert found.shots.at == (1, 2, 5, 10)
    json.dumps(found.to_json())


def test_of_numbers_errors_grow_where_labels_are_shuffled():
    learner = il.ridge(strength=1e-3)
    found = probe(learner, learner.init(), LINES.test, episodes=30)
    assert found.metric == "mse"
    assert found.only is None
    assert found.to_json()["one_class"] is None
    assert found.cost[0] > 1
    assert found.shots.at == (1, 2, 4, 5, 10)


def test_a_verdict_does_not_hang_on_a_few_tasks():
    """Of squared errors one task may be most of the mean, and the interval holds zero."""
    learner = il.ridge(strength=0.01)
    found = probe(learner, learner.init(), LINES.test.replace(shots=5), episodes=20)
    mean, ci95 = found.cost
    assert mean < ci95
    assert found.uses_labels
    assert "of the 20 tasks that change are worse" in found.verdict


@dataclass(frozen=True)
class Murmuring(Deaf):
    """Labels move its answers, by next to nothing."""

    share: float = 0.0

    def adapt(self, meta, support, *, generator=None):
        return {"nothing": self.share * (support.x * support.y).sum()}

    def predict(self, meta, fast, x):
        return 3 + fast["nothing"] * x


@pytest.mark.parametrize(("share", "sentence"), [(0.0, "ignores its"), (1e-4, "hardly uses its")])
def test_a_trifle_is_not_learning(share, sentence):
    stream = il.tasks.linear(shots=5, queries=40).test
    found = probe(*made(Murmuring(share=share)), stream, episodes=60)
    assert sentence in found.verdict
    assert not found.uses_labels


def test_every_known_family_has_its_figure():
    learner = il.ridge(strength=1e-3)
    found = probe(learner, learner.init(), two_kinds(), episodes=20)
    assert set(found.families()) == {"sine", "line"}
    assert found.families()["line"].max() < 1e-3 < found.families()["sine"].mean()
    assert "family line" in str(found)
    assert found.to_json()["families"]["line"]["mean"] < 1e-3
    assert probe(learner, learner.init(), LINES.test, episodes=3).families() == {}


def test_a_refusal_is_told_and_the_rest_goes_on():
    found = probe(*made(Strict()), DIGITS.test, episodes=5)
    assert found.only is None
    assert "two classes are needed" in str(found)


def test_one_task_proves_nothing():
    learner = il.ridge()
    found = probe(learner, learner.init(), LINES.test, episodes=1)
    assert not found.uses_labels
    assert "as far as 1 task can tell" in found.verdict


def test_shots_that_the_data_lack_are_not_asked_for():
    assert gives(DIGITS.test, 10)
    assert not gives(DIGITS.test, 1_000)
