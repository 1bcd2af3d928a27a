"""None of these: what is far from every class is found out, in the share that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import innerloop as il
from innerloop import InputError
from innerloop.structure import nearness, scope


@pytest.fixture(scope="module")
def blobs():
    """60 classes, each around a centre of its own in 8 dimensions."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(60, 8)) * 3
    y = np.repeat(np.arange(60), 20)
    return il.tasks.arrays(centres[y] + random.normal(size=(1200, 8)), y, ways=4, shots=5)


@pytest.fixture(scope="module")
def learner():
    return il.protonet(torch.nn.Linear(8, 8))


def test_nearness_is_the_protonets_own_best_logit(blobs, learner):
    meta = learner.init(torch.Generator().manual_seed(0))
    [task] = blobs.test.sample(tasks=1)
    outputs = learner.predict(meta, learner.adapt(meta, task.support), task.query.x)
    near = nearness(learner, meta, task.support, task.query.x)
    assert torch.allclose(near, outputs.amax(1), atol=1e-4)


def test_the_share_that_was_asked_for_is_found_out_or_kept(blobs):
    learner = il.nearest_centroid()
    found = scope(learner, learner.init(), blobs.validation, ways=4, shots=5, recall=0.9)
    assert found.recall == pytest.approx(0.9, abs=0.01)
    assert found.kept > 0.8
    assert found.auroc.value > 0.9
    keeping = scope(learner, learner.init(), blobs.validation, ways=4, shots=5, keep=0.9)
    assert keeping.kept == pytest.approx(0.9, abs=0.01)


def test_inputs_of_no_class_may_be_given(blobs):
    learner = il.nearest_centroid()
    far = torch.full((50, 8), 30.0)
    found = scope(
        learner, learner.init(), blobs.validation, ways=4, shots=5, keep=0.95, outside=far
    )
    assert found.recall == 1
    assert str(found).startswith("none of these: 100.0 % found out")


@pytest.mark.parametrize("how", [{}, {"recall": 1.0}, {"recall": 0.9, "keep": 0.9}])
def test_one_share_must_be_given(blobs, how):
    learner = il.nearest_centroid()
    with pytest.raises(InputError, match="give recall or keep, one of them"):
        scope(learner, learner.init(), blobs.validation, ways=4, shots=5, **how)
