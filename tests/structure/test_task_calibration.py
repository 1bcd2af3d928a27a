"""Calibration on meta-validation tasks: what it finds on tasks like them, and on others."""

from __future__ import annotations

import pytest
import torch
from structure_cases import two_kinds

import innerloop as il
from innerloop import InputError
from innerloop.evaluation import expected_calibration_error
from innerloop.evaluation.judging import likelihood_for
from innerloop.structure import Shape, auroc, calibrate, firing
from innerloop.structure.calibration import alone, answers_of, misses_of, once_each
from innerloop.structure.conformal import limit
from innerloop.structure.shape import drawn

SINES = il.tasks.sinusoids()


def learner() -> tuple[il.Learner, il.Meta]:
    made = il.maml(il.models.mlp(1, 1, hidden=8, layers=1), inner_lr=0.01, inner_steps=3)
    return made, made.init(torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def found():
    return calibrate(
        *learner(), SINES.train, SINES.validation, Shape((5,), classes=False), tasks=400
    )


def of(found, stream, tasks=400):
    return list(drawn(stream, found.shape, tasks, seed=1))


def test_tasks_of_the_family_are_called_unfamiliar_as_often_as_said(found):
    p = torch.cat([found.p(*learner(), batch) for batch in of(found, SINES.test)])
    assert firing(p).low < 0.05 < firing(p).high
    assert abs(p.mean() - 0.5) < 0.06


def test_tasks_of_another_family_look_strange(found):
    usual, other = (
        torch.cat([found.p(*learner(), batch) for batch in of(found, stream, 150)])
        for stream in (SINES.test, il.tasks.linear().test)
    )
    assert auroc(1 - usual, 1 - other).value > 0.8
    assert firing(other).share > 0.4


def test_new_tasks_are_covered_as_asked(found):
    most = limit(found.limits, 0.9)
    held = []
    for batch in of(found, SINES.test):
        misses, owner = misses_of(
            likelihood_for(learner()[0], batch.query), answers_of(*learner(), batch)
        )
        held.append((misses <= most).double().view(-1, 10).mean(1))
        assert torch.equal(owner, torch.arange(len(batch)).repeat_interleave(10))
    assert abs(torch.cat(held).mean() - 0.9) < 0.04


def test_a_p_value_is_that_of_the_task_alone(found):
    batch = of(found, SINES.test, 3)[0]
    together = found.p(*learner(), batch)
    each = torch.cat([found.p(*learner(), alone(task.support)) for task in batch])
    assert (together - each).abs().max() < 1e-6 + 2 / 401  # float32 may turn a rank


def test_the_same_calibration_comes_again(found):
    made = learner()
    small = [calibrate(*made, SINES.train, SINES.validation, tasks=30) for _ in range(2)]
    assert torch.equal(small[0].strange, small[1].strange)
    assert torch.equal(small[0].limits, small[1].limits)
    assert small[0].shape == Shape((10,), classes=False)
    assert small[0].tasks == 30


def test_answers_of_another_kind_have_limits_of_their_own():
    made, meta = learner()

    def doubled(support, x):
        return 2 * made.predict(meta, made.adapt(meta, support), x)

    how = {"tasks": 30}
    plain = calibrate(made, meta, SINES.train, SINES.validation, **how)
    other = calibrate(made, meta, SINES.train, SINES.validation, answer=doubled, **how)
    assert torch.equal(plain.strange, other.strange)
    assert not torch.equal(plain.limits, other.limits)


def test_tasks_that_are_drawn_again_and_again_are_few():
    """Of 20 groups, however often drawn, a coverage of 0.99 cannot be had."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(600, 1, generator=g)
    groups = torch.arange(60).repeat_interleave(10)
    split = {str(n): ("train", "validation", "test")[n % 3] for n in range(60)}
    tasks = il.tasks.arrays(
        x.numpy(),
        (x * (groups[:, None] + 1))[:, 0].numpy(),
        groups.numpy(),
        shots=3,
        queries=4,
        splits=split,
    )
    made = il.ridge()
    found = calibrate(made, made.init(), tasks.train, tasks.validation, tasks=100)
    assert found.tasks == 20
    assert len(found.weights) == 100
    assert limit(found.limits, 0.9) < float("inf")
    with pytest.raises(
        InputError, match=r"coverage can be at most 0.952 here, .*, got 0.99; lower it"
    ):
        limit(found.limits, 0.99)


def test_weights_of_one_tasks_draws_sum_to_1():
    weights = once_each(torch.tensor([4, 9, 4, 4]))
    assert weights.tolist() == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3])


def test_classes_are_met_in_the_shape_of_the_new_task():
    tasks = il.tasks.digits(ways=3, shots=2, queries=3)
    made = il.protonet(il.models.mlp(784, None, hidden=8))
    meta = made.init(torch.Generator().manual_seed(0))
    shape = Shape((3, 1), classes=True)
    found = calibrate(made, meta, tasks.train, tasks.validation, shape, tasks=40)
    assert found.shape == shape
    assert 0 < limit(found.limits, 0.9) < 1
    new = shape.cut(tasks.test.replace(ways=2, shots=3).sample(tasks=3))
    assert found.p(made, meta, new).shape == (3,)


def test_labels_of_which_a_row_may_have_several_have_no_limits():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(800, 2, generator=g)
    groups, split = torch.arange(80).repeat_interleave(10), {}
    split = {str(n): ("train", "validation", "test")[n % 3] for n in range(80)}
    tasks = il.tasks.arrays(
        x.numpy(), (x > 0).numpy(), groups.numpy(), shots=3, queries=4, splits=split
    )
    made = il.ridge()
    found = calibrate(made, made.init(), tasks.train, tasks.validation, tasks=60)
    assert found.limits is None
    with pytest.raises(InputError, match="coverage is for one label of several classes"):
        limit(found.limits, 0.9)


def test_too_few_tasks_are_a_sentence():
    with pytest.raises(InputError, match=r"at least 19 meta-validation tasks .*, got 12"):
        calibrate(*learner(), SINES.train, SINES.validation, tasks=12)
    with pytest.raises(InputError, match="got 0"):
        calibrate(*learner(), SINES.train, two_kinds(), Shape((2, 2), classes=True), tasks=30)


def test_the_temperature_makes_probabilities_of_new_tasks_mean_what_they_say():
    made = il.nearest_centroid()  # squared distances of pixels: far too sure
    tasks = il.tasks.digits(ways=4, shots=2, queries=5)
    found = calibrate(made, made.init(), tasks.train, tasks.validation, tasks=60)
    [met] = answers_of(made, made.init(), tasks.test.sample(seed=3, tasks=60))

    def error(heat):
        sure, best = (met.outputs / heat).softmax(1).max(1)
        return expected_calibration_error(sure, (best == met.targets).double())

    assert found.temperature > 1
    assert error(found.temperature) < 0.5 * error(1.0)


def test_numbers_have_no_temperature(found):
    assert found.temperature is None
