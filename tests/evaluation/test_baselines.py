"""Baselines stand on the same episodes, and none is a straw man."""

from types import SimpleNamespace

import pytest
import torch
from contenders import NOTHING, Directions, perfect

import innerloop as il
from innerloop.evaluation import (
    Baseline,
    LeftOut,
    evaluate,
    pretrained_baselines,
    score,
    tuned,
    untrained_baselines,
)
from innerloop.evaluation.adaptation import after_steps

TASKS = il.tasks.Tasks(
    "directions",
    "classification",
    *(Directions(name=f"directions/{split}", noise=1.5) for split in ("train", "val", "test")),
    input_shape=(4,),
)


def seed(number=0):
    return torch.Generator().manual_seed(number)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr("innerloop.evaluation.baselines.STEPS", (3, 30))


def test_a_run_is_shown_beside_what_needs_no_training():
    learner = il.maml(il.models.mlp(4, 4, hidden=8), inner_lr=0.1)
    run = SimpleNamespace(learner=learner, meta=learner.init(seed()), tasks=TASKS)
    scores = evaluate(run, TASKS.test, episodes=20)
    assert list(scores.baselines) == ["from scratch", "nearest neighbour", "nearest centroid"]
    assert scores.left_out == ()
    assert {s.episodes for s in scores.baselines.values()} == {20}
    assert scores.baselines["nearest centroid"].mean > 0.5
    assert "best on 20 validation tasks" in str(scores)
    assert evaluate(run, TASKS.test, episodes=20, baselines={}).baselines == {}


def test_settings_are_chosen_for_the_shots_and_ways_of_the_test():
    learner = il.maml(il.models.mlp(1, 1, hidden=4))
    tasks = il.tasks.linear(shots=2)
    run = SimpleNamespace(learner=learner, meta=learner.init(seed()), tasks=tasks)
    many = evaluate(run, tasks.test.replace(shots=10), episodes=5).baselines["from scratch"]
    asked = untrained_baselines(learner, il.tasks.linear(shots=10))["from scratch"]
    assert many.note == asked.note


def test_an_encoder_gets_an_output_layer_from_scratch():
    learner = il.algorithms.protonet(il.models.mlp(4, None, hidden=8))
    beside = untrained_baselines(learner, TASKS, validation=2)
    rival = beside["from scratch"]
    assert isinstance(rival, Baseline)
    assert rival.learner.spec.model.spec.settings["outputs"] == 4


def test_a_module_of_the_users_own_is_left_out_with_a_reason():
    learner = il.algorithms.protonet(torch.nn.Linear(4, 8))
    run = SimpleNamespace(learner=learner, meta=learner.init(seed()), tasks=TASKS)
    scores = evaluate(run, TASKS.test, episodes=3)
    assert "from scratch" not in scores.baselines
    assert "from scratch is left out: it needs this network" in str(scores)
    assert scores.to_json()["left_out"] == list(scores.left_out)
    own = il.maml(torch.nn.Linear(4, 4))
    assert isinstance(untrained_baselines(own, TASKS, validation=2)["from scratch"], Baseline)


def test_regression_has_no_centroid():
    learner = il.maml(il.models.mlp(hidden=4))
    beside = untrained_baselines(learner, il.tasks.linear(), validation=2)
    assert list(beside) == ["from scratch", "nearest neighbour"]


def test_tuning_finds_enough_steps():
    learner = il.algorithms.scratch(torch.nn.Linear(1, 1), inner_steps=10, inner_lr=0.003)
    lines = il.tasks.linear(shots=5)
    meta = learner.init(seed())
    best = tuned(learner, meta, lines.validation, steps=(10, 300), episodes=10)
    assert best.learner.spec.settings["inner_steps"] == 300
    assert "300 steps at 0.03, best on 10 validation tasks" in best.note
    before = score(learner, meta, lines.test, episodes=20).mean
    assert score(best.learner, meta, lines.test, episodes=20).mean < before / 2


def test_from_scratch_begins_anew_for_every_task_on_both_paths():
    learner = il.algorithms.scratch(il.models.mlp(hidden=4), inner_steps=3)
    meta, stream = learner.init(seed()), il.tasks.linear().test
    loop, many = (score(learner.on_path(p), meta, stream, episodes=6) for p in ("loop", "vmap"))
    torch.testing.assert_close(loop.values, many.values, rtol=1e-4, atol=1e-5)
    still = learner.replace(inner_steps=0)
    support = il.Examples(torch.ones(1, 1), torch.ones(1, 1))
    outputs = {
        float(still.predict(meta, still.adapt(meta, support, generator=seed(s)), torch.ones(1, 1)))
        for s in range(5)
    }
    assert len(outputs) == 5


def test_pretrained_baselines_take_what_the_tasks_know():
    learner = il.maml(il.models.mlp(1, 1, hidden=4))
    found = pretrained_baselines(learner, il.tasks.linear())
    assert {rival.spec.settings["moves"] for rival in found.values()} == {"all", "head"}
    assert isinstance(pretrained_baselines(learner, TASKS)["fine-tuned"], LeftOut)


def test_pretrained_baselines_of_images_drop_the_output_layer():
    digits = il.tasks.digits()
    learner = il.maml(il.models.conv4(5, width=4))
    found = pretrained_baselines(learner, digits)["fine-tuned"]
    assert found.spec.settings["classes"] == 10
    assert found.spec.model.spec.settings["outputs"] is None


def test_a_slow_baseline_sees_the_first_of_the_same_episodes():
    rival = perfect.on_path("loop")
    scores = evaluate(
        perfect, NOTHING, Directions(), episodes=120, baselines={"r": (rival, NOTHING)}
    )
    assert scores.baselines["r"].episodes == 100
    assert "the first 100 episodes" in str(scores)


@pytest.mark.parametrize("constructor", [il.maml, il.anil, il.algorithms.scratch])
def test_one_trace_gives_what_adapting_anew_gives(constructor):
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.Tanh(), torch.nn.Linear(6, 4)
    ).double()
    learner = constructor(network, inner_lr=0.1)
    meta = learner.init(seed())
    episode = Directions().sample(0, 0, 1)[0]
    support = il.Examples(episode.support.x.double(), episode.support.y, ways=4)
    x, steps = episode.query.x.double(), [0, 1, 4]
    for k, fast in zip(steps, after_steps(learner, steps)(meta, support, None), strict=True):
        anew = learner.replace(inner_steps=k)
        torch.testing.assert_close(
            learner.predict(meta, fast, x), anew.predict(meta, anew.adapt(meta, support), x)
        )
