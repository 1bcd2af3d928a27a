"""How long the parts of a step take, one by one: to see which of them a change made slower.

    pip install -c constraints.txt -e '.[test,dev]'
    pytest benchmarks --benchmark-autosave          # then, after a change,
    pytest benchmarks --benchmark-compare

One thread, on the machine at hand; no figure of the README comes from here (`innerloop bench` gives
those, beside other libraries). `make test` does not run it.
"""

from __future__ import annotations

import pytest
import torch

import innerloop as il
from innerloop.bench.contenders.ours import episodes_of, learner_of, start
from innerloop.bench.material import problem
from innerloop.bench.workloads import workload
from innerloop.outer import Workers
from innerloop.outer.explicit.rules.base import Move, Place
from innerloop.outer.explicit.rules.convolution import Convolution
from innerloop.outer.explicit.rules.linear import Linear
from innerloop.outer.explicit.rules.norm import Norm
from innerloop.training import initialise_model, plan_course, step
from innerloop.training.batches import Here
from innerloop.training.optimiser import OPTIMISERS, by_name

pytest.importorskip("pytest_benchmark")

ROWS, CHANNELS, SIDE = 25, 64, 14
IMAGES = (ROWS, CHANNELS, SIDE, SIDE)
RULES = {  # a rule, and the shapes of its inputs
    "convolution": (
        Convolution((1, 1), (1, 1), (1, 1), False, (0, 0), 1),
        (IMAGES, (CHANNELS, CHANNELS, 3, 3), (CHANNELS,)),
    ),
    "norm": (Norm(1e-5), (IMAGES, (CHANNELS,), (CHANNELS,))),
    "linear": (Linear(), ((ROWS, 1600), (5, 1600), (5,))),
}
STEPS = ("sinusoid-k5", "conv4-q1-k1", "conv4-q1-k5", "gru")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.benchmark(group="rules")
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("way", ["forward", "backward", "tangent", "backward_tangent"])
def test_rule(benchmark, name, way):
    rule, shapes = RULES[name]
    inputs, along = ([torch.randn(shape) for shape in shapes] for _ in range(2))
    y, kept = rule.forward(*inputs)
    g, dg, needs = torch.randn_like(y), torch.randn_like(y), [True] * len(inputs)
    _, kept_of_back = rule.backward(inputs, kept, g, needs)
    _, kept_along = rule.tangent(inputs, kept_of_back, along)
    given = {
        "forward": inputs,
        "backward": (inputs, kept, g, needs),
        "tangent": (inputs, kept_of_back, along),
        "backward_tangent": (Place(inputs, kept_of_back, g), Move(along, kept_along, dg), needs),
    }
    benchmark(getattr(rule, way), *given[way])


@pytest.mark.benchmark(group="meta-gradients")
@pytest.mark.parametrize("path", ["explicit", "vmap", "loop"])
@pytest.mark.parametrize("name", STEPS)
def test_meta_gradient(benchmark, name, path):
    given = problem(workload(name).quick())
    learner = learner_of(given)
    if path == "explicit" and name == "gru":
        pytest.skip("has no rules")
    learner, episodes = learner.on_path(path), episodes_of(given)
    meta = start(given, learner)
    for _ in range(5):  # until it is recorded
        learner.totals(meta, episodes)
    benchmark(learner.totals, meta, episodes)


@pytest.mark.benchmark(group="around")
def test_drawing_tasks(benchmark):
    benchmark(il.tasks.sinusoids().train.sample, 0, 0, 25)


@pytest.mark.benchmark(group="around")
def test_asking_a_worker(benchmark):
    """A step whose tasks cost nothing: what processes cost."""
    net = torch.nn.Linear(1, 1)
    learner = il.maml(net, inner_lr=0.1)
    meta = learner.init()
    episodes = il.tasks.sinusoids().train.sample(0, 0, 2)
    found = learner.totals(meta, episodes)
    with Workers(lambda meta, step, tasks: found, 2) as share:
        share(meta, 0, range(2))
        benchmark(share, meta, 1, range(2))


@pytest.mark.benchmark(group="around")
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_update_of_100_000_weights(benchmark, name):
    weights, gradient = torch.randn(2, 100_000)
    optimiser = by_name(name, OPTIMISERS, "optimiser")
    benchmark(optimiser.update, gradient, optimiser.init(weights), weights, 1e-3)


@pytest.mark.benchmark(group="around")
def test_whole_step(benchmark):
    learner = il.maml(il.models.mlp(1, 1), inner_lr=0.01)
    course = plan_course(learner, il.tasks.sinusoids(), steps=10**9, validate_every=0)
    layout, state = initialise_model(course)
    here = Here(course)
    step(course, layout, state, here)  # finds the path
    benchmark(step, course, layout, state, here)


@pytest.mark.benchmark(group="use")
@pytest.mark.parametrize("what", ["adapt", "predict"])
def test_a_new_task(benchmark, what):
    learner = il.maml(il.models.conv4(5), inner_lr=0.1)
    meta = learner.init()
    support = il.Examples(torch.randn(5, 1, 28, 28), torch.arange(5), ways=5)
    if what == "adapt":
        benchmark(learner.adapt, meta, support)
    else:
        benchmark(learner.predict, meta, learner.adapt(meta, support), support.x)
