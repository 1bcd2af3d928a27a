"""A run in environments: its folder, the same bits after a stop, and what it says."""

import json
import math

import pytest
import torch

import innerloop as il
from innerloop.reinforcement import bandits, judge, load, rl2, tabular_mdps, train
from innerloop.reinforcement.rollout import rollout
from innerloop.training.files import read_tensors

SMALL = {"meta_batch": 20, "validation_tasks": 50, "progress": False, "validate_every": 2}


def agent():
    return rl2(bandits(arms=3, trial_episodes=4), hidden=5, epochs=2, minibatches=2)


def weights(folder):
    newest = max((folder / "state").glob("step-*.safetensors"), key=lambda p: int(p.stem[5:]))
    return read_tensors(newest)[0]


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path, monkeypatch):
    whole = train(agent(), steps=6, out=tmp_path / "whole", **SMALL)
    from innerloop.reinforcement import run as place

    real = place.rounds

    def stopping(course, layout, state):
        for after in real(course, layout, state):
            yield after
            if after.step == 3:
                return

    monkeypatch.setattr(place, "rounds", stopping)
    stopped = train(agent(), steps=6, out=tmp_path / "parts", save_every=1, **SMALL)
    assert stopped.verdict is il.Verdict.INTERRUPTED
    monkeypatch.setattr(place, "rounds", real)
    again = train(agent(), steps=6, out=tmp_path / "parts", resume=True, **SMALL)
    a, b = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert [row["return"] for row in again.history] == [row["return"] for row in whole.history]


def test_what_is_loaded_is_what_was_trained(tmp_path):
    run = train(agent(), steps=4, out=tmp_path / "run", **SMALL)
    found = load(tmp_path / "run")
    assert found.verdict is il.Verdict.OUT_OF_STEPS
    assert found.validation == run.validation
    assert all(torch.equal(p, found.meta.params[n]) for n, p in run.meta.params.items())
    row = json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])
    assert row["environment_steps"] == 20 * 4
    assert math.isfinite(row["return"])


def test_the_supervised_loader_says_who_reads_it(tmp_path):
    train(agent(), steps=1, out=tmp_path / "run", **SMALL)
    with pytest.raises(il.InputError, match=r"il\.reinforcement\.load"):
        il.load(tmp_path / "run")


def test_another_learner_in_the_same_folder_is_refused(tmp_path):
    train(agent(), steps=1, out=tmp_path / "run", **SMALL)
    with pytest.raises(il.InputError, match="hidden is 5 there and 6 here"):
        train(agent().replace(hidden=6), steps=1, out=tmp_path / "run", resume=True, **SMALL)


def test_the_same_seed_judges_in_the_same_tasks():
    tasks = bandits(arms=3, trial_episodes=4)
    policy = il.reinforcement.judges.ucb1(tasks)
    first, second = (judge("ucb1", policy, tasks, count=100, seed=1).returns for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, judge("ucb1", policy, tasks, count=100, seed=2).returns)


def test_a_reward_that_is_not_finite_is_told():
    tasks = tabular_mdps(states=2, actions=2, horizon=2)
    task = tasks.sample(3)
    task["rewards"] += math.nan
    policy = il.reinforcement.judges.random_policy(tasks)
    with pytest.raises(il.InputError, match="rewards must be finite numbers, and tabular_mdps"):
        rollout(policy, tasks, task, 3, torch.Generator())


def test_bad_numbers_are_told():
    with pytest.raises(il.InputError, match="steps must be at least 0"):
        train(agent(), steps=-1)
    with pytest.raises(il.InputError, match="episodes must be a whole number of at least 2"):
        judge("x", agent().policy(agent().init(None)), bandits(arms=3), count=1)
