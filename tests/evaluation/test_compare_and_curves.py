"""Laws of paired comparison and of curves."""

import math

import pytest
import torch
from contenders import NOTHING, Directions, constant, perfect, renamed, rule

import innerloop as il
from innerloop.evaluation import (
    Difference,
    compare,
    evaluate,
    mean_and_ci95,
    over_inner_steps,
    over_shots,
    paired,
)

STREAM = Directions(noise=1.5)
guess = rule(lambda support, x: x)


def seed(number=0):
    return torch.Generator().manual_seed(number)


def test_a_learner_does_not_differ_from_itself():
    twins = {"A": (guess, NOTHING), "B": (renamed(lambda support, x: x), NOTHING)}
    found = compare(twins, STREAM, episodes=30)
    [difference] = found.differences
    assert (difference.mean, difference.ci95, difference.winner) == (0.0, 0.0, None)
    assert difference.verdict.startswith("No difference between A and B can be told")
    assert "the same 30 episodes" in str(found)


def test_the_better_one_is_named():
    found = compare({"A": (constant, NOTHING), "B": (perfect, NOTHING)}, Directions(), episodes=9)
    [difference] = found.differences
    assert difference.verdict == (
        "B is better than A by 75.0 ± 0.0 points of accuracy on the same 9 episodes."
    )
    assert difference.to_json()["winner"] == "B"
    assert found.to_json()["scores"]["A"]["mean"] == pytest.approx(0.25)
    il.use_language("zh")
    try:
        assert "B 优于 A（准确率相差 75.0" in difference.verdict
    finally:
        il.use_language(None)


def test_a_small_error_is_better_than_a_large_one():
    assert Difference("A", "B", "mse", torch.tensor([1.0, 1.1, 0.9])).winner == "B"


def test_pairing_narrows_the_interval():
    hard = torch.randn(200, generator=seed())  # what a task's difficulty adds to both
    a, b = (hard + 0.1 * torch.randn(200, generator=seed(n)) for n in (1, 2))
    pairs = Difference("A", "B", "mse", a - b)
    assert pairs.ci95 < mean_and_ci95(a)[1] / 4


def test_three_contenders_make_three_pairs():
    three = dict.fromkeys("abc", (guess, NOTHING))
    found = compare(three, STREAM, episodes=3).differences
    assert [(d.a, d.b) for d in found] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_only_the_same_episodes_can_be_compared():
    a, b = (evaluate(guess, NOTHING, STREAM, episodes=5, seed=s) for s in (0, 1))
    with pytest.raises(il.InputError, match="A has seed=0, B has seed=1"):
        paired("A", "B", {"A": a, "B": b})
    shorter = evaluate(guess, NOTHING, STREAM, episodes=3)
    assert len(paired("A", "B", {"A": a, "B": shorter}).differences) == 3
    with pytest.raises(il.InputError, match="at least two contenders, got 1"):
        compare({"A": (guess, NOTHING)}, STREAM)


def test_one_task_alone_decides_nothing():
    lone = Difference("A", "B", "accuracy", torch.tensor([1.0]))
    assert lone.winner is None
    assert math.isnan(lone.ci95)


def test_a_point_of_the_curve_is_an_evaluation():
    learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.02)
    meta, stream = learner.init(seed()), il.tasks.linear(shots=5).test
    curve = over_inner_steps(learner, meta, stream, inner_steps=[0, 3], episodes=12)
    alone = evaluate(learner.replace(inner_steps=3), meta, stream, episodes=12)
    assert curve.at == (0, 3)
    assert curve.mean[1] == pytest.approx(alone.mean, rel=1e-4)
    assert curve.ci95[1] == pytest.approx(alone.ci95, rel=1e-4)
    assert str(curve).splitlines()[0].split() == ["inner_steps", "mse"]


def test_more_shots_serve_a_neighbour():
    learner = il.algorithms.nearest_neighbour()
    curve = over_shots(learner, learner.init(), STREAM, shots=[1, 10], episodes=50)
    assert curve.mean[1] > curve.mean[0] > 0.25
    assert curve.to_json()["at"] == [1, 10]
    assert curve.to_json()["metric"] == "accuracy"


def test_a_learner_without_inner_steps_has_no_such_curve():
    learner = il.algorithms.nearest_neighbour()
    with pytest.raises(il.InputError, match="no setting 'inner_steps'"):
        over_inner_steps(learner, learner.init(), STREAM)
