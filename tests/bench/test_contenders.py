"""Every contender that is installed has the same meta-gradient as the plain loop, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from bench_cases import small
from torch.func import functional_call

from innerloop.bench.contenders import ALL, OURS, PLAIN, check_here, contender
from innerloop.bench.contenders.jax_nets import HERE, THERE
from innerloop.bench.contenders.parallel_metalearn import with_affine_outside
from innerloop.bench.material import module_of, problem
from innerloop.bench.rounds import TOLERANCE, distance
from innerloop.bench.workloads import WORKLOADS
from innerloop.errors import InputError

PAIRS = [
    (each.name, name)
    for each in ALL
    for name in WORKLOADS
    if each.is_here and each.name != PLAIN and each.can(WORKLOADS[name])
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "workload"), PAIRS)
def test_gradients_agree_with_the_plain_loop(name: str, workload: str) -> None:
    one = problem(small(workload), precision="float64")
    reference = contender(PLAIN).setup(one).gradient()
    found = contender(name).setup(one).gradient()
    assert distance(found, reference) < TOLERANCE
    if name == "jax":  # it says so for the whole process
        import jax

        jax.config.update("jax_enable_x64", False)


@pytest.mark.parametrize("path", ["loop", "vmap"])
def test_ours_can_be_asked_for_a_fixed_path(path: str) -> None:
    one = problem(small("sinusoid-k1"), precision="float64")
    ready = contender(f"{OURS}:{path}").setup(one)
    assert distance(ready.gradient(), contender(PLAIN).setup(one).gradient()) < TOLERANCE
    assert ready.how() == path


@pytest.mark.parametrize("name", ["conv4-k1", "conv4-anil", "protonet", "transformer"])
def test_the_plain_gradient_is_a_difference_of_losses(name: str) -> None:
    """A reference that nobody checks could be wrong with everybody else."""
    workload = replace(small(name), tasks=1)
    one = problem(workload, precision="float64")
    gradient = contender(PLAIN).setup(one).gradient()
    direction = {n: np.sin(np.arange(w.size).reshape(w.shape)) for n, w in one.weights.items()}
    eps = 1e-8  # so near that no ReLU turns in between
    ends = []
    for sign in (1, -1):
        weights = {n: w + sign * eps * direction[n] for n, w in one.weights.items()}
        ends.append(query_loss(one._replace(weights=weights)))
    along = sum(float((g * direction[n]).sum()) for n, g in gradient.items())
    assert along == pytest.approx((ends[0] - ends[1]) / (2 * eps), rel=1e-5)


def query_loss(one) -> float:
    """The loss after the inner steps, by our own learner's forward pass."""
    from innerloop.bench.contenders.ours import episodes_of, learner_of, start

    learner = learner_of(one)
    return float(learner.gradient(start(one, learner), episodes_of(one)).losses.mean())


@pytest.mark.parametrize("name", [PLAIN, OURS])
def test_a_step_moves_the_weights_and_draws_new_tasks_where_it_is_whole(name: str) -> None:
    one = problem(small("sinusoid-k1"))
    ready = contender(name).setup(one)
    ready.step()
    ready.step()
    drawn = one.batches()
    assert not np.array_equal(next(drawn).query_x, next(drawn).query_x)
    fixed = problem(small("conv4-k1")).batches()
    assert next(fixed) is next(fixed)


def test_plain_steps_move_the_weights() -> None:
    ready = contender(PLAIN).setup(problem(small("conv4-k1")))
    before = ready.gradient()
    ready.step()
    assert distance(ready.gradient(), before) > 1e-6


def test_weights_and_tasks_belong_to_the_seed() -> None:
    a, b, c = (problem(small("gru"), seed) for seed in (0, 0, 1))
    assert distance(a.weights, b.weights) == 0 < distance(c.weights, a.weights)
    assert np.array_equal(a.tasks.query_x, b.tasks.query_x)
    assert not np.array_equal(a.tasks.query_x, c.tasks.query_x)
    assert problem(small("gru"), 0, "float64").precision == "float64"


def test_norms_with_the_affine_part_outside_are_the_same_function() -> None:
    one = problem(small("conv4-k1"), precision="float64")
    x = torch.from_numpy(one.tasks.support_x[0])
    module = module_of(one)
    before = functional_call(module, {}, (x,))
    torch.testing.assert_close(with_affine_outside(module_of(one))(x), before)


def test_filters_go_to_jax_and_back() -> None:
    filters = np.arange(2 * 3 * 9).reshape(2, 3, 3, 3)
    assert filters.transpose(HERE).shape == (3, 3, 3, 2)
    assert np.array_equal(filters.transpose(HERE).transpose(THERE), filters)


def test_unknown_and_missing_contenders_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"against must be one of .*, got 'jaxx'; did you mean"):
        contender("jaxx")
    missing = replace(contender("higher"), packages=("a_package_that_nobody_has",))
    assert missing.version is None
    with pytest.raises(InputError, match=r"against higher needs a package .*innerloop\[peers\]"):
        check_here(missing)
