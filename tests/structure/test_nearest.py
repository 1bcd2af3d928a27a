"""The most related known tasks, and what they are worth as sources."""

from __future__ import annotations

import json

import pytest
import torch
from structure_cases import classes, learner

import innerloop as il
from innerloop import Examples, InputError
from innerloop.structure import Regret, TaskIndex, from_learner, regret_at_k, warm_start
from innerloop.structure.nearest import started
from innerloop.structure.regret import error_of, errors, expected_least

TASKS = il.tasks.linear()


def line() -> tuple[il.Learner, il.Meta]:
    made = il.maml(torch.nn.Linear(1, 1).double(), inner_lr=0.05, inner_steps=5)
    return made, made.init(torch.Generator().manual_seed(0))


def double(stream):
    """The same tasks in float64."""

    class Doubled(type(stream)):
        def draw(self, draws):
            return torch.utils._pytree.tree_map(
                lambda leaf: leaf.double() if leaf.is_floating_point() else leaf,
                super().draw(draws),
            )

    return Doubled(**{f: getattr(stream, f) for f in stream.__dataclass_fields__})


@pytest.fixture(scope="module")
def known() -> TaskIndex:
    return TaskIndex.of(from_learner(*line()), double(TASKS.train), tasks=30)


def test_a_task_of_the_index_is_its_own_nearest(known):
    support = double(TASKS.train).sample(tasks=30)[12].support
    found = known.nearest(support, 4)
    assert (found[0].name, found[0].number) == ("linear/train task 12", 12)
    assert found[0].distance < 1e-6
    assert [f.distance for f in found] == sorted(f.distance for f in found)


def test_tasks_with_like_lines_are_near(known):
    """The slope of the nearest task is closer to the new one's than a random task's is."""

    def slopes(episodes):
        x, y = episodes.support.x[..., 0], episodes.support.y[..., 0]
        x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
        return (x * y).sum(1) / (x * x).sum(1)

    new = double(TASKS.test).sample(tasks=40)
    nearest = torch.tensor([known.nearest(task.support, 1)[0].number for task in new])
    gaps = (slopes(new)[:, None] - slopes(known.episodes)).abs()
    assert gaps[torch.arange(40), nearest].mean() < 0.5 * gaps.mean()


def test_errors_of_all_pairs_are_those_of_each(known):
    made, meta = line()
    targets = double(TASKS.test).sample(tasks=3)
    for adapting in (False, True):
        found = errors(made, meta, known, targets, adapting)
        for t, n in ((0, 0), (2, 17)):
            fast = made.adapt(meta, known.episodes[n].support)
            if adapting:
                fast = made.adapt(started(made, meta, fast), targets[t].support)
            outputs = made.predict(meta, fast, targets[t].query.x)
            assert abs(found[t, n] - (outputs - targets[t].query.y).square().mean()) < 1e-10


def test_a_warm_start_goes_on_from_the_nearest_task(known):
    made, meta = line()
    support = known.episodes[4].support
    twice = made.replace(inner_steps=10).adapt(meta, support)["params"]
    found = warm_start(made, meta, known, support)["params"]
    assert (found["weight"] - twice["weight"]).abs().max() < 1e-10


def test_regret_is_of_the_nearest_against_the_best_and_a_random_one(known):
    made, meta = line()
    found = regret_at_k(made, meta, known, double(TASKS.test), episodes=30, at=(1, 5, 30))
    assert (found.nearest >= 0).all()
    assert (found.nearest[:, -1] == 0).all()  # of all sources the best is the best
    assert found.chance[:, -1].abs().max() < 1e-9
    assert (found.nearest[:, 0] >= found.nearest[:, 1]).all()
    assert (found.chance[:, 0] >= found.chance[:, 1]).all()
    assert "the nearest source is better than a random one" in str(found)
    json.dumps(found.to_json())


def test_a_random_source_is_averaged_over_all_draws():
    values = torch.rand(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    draws = torch.combinations(torch.arange(6), 3)
    assert torch.allclose(expected_least(values, 3), values[:, draws].amin(-1).mean(-1))
    assert torch.allclose(expected_least(values, 1), values.mean(1))


@pytest.mark.parametrize(
    ("nearest", "sentence"),
    [(0.5, "is better than a random one, by 0.5"), (1.5, "is worse than"), (1.0, "is no better")],
)
def test_the_verdict_follows_the_figures(nearest, sentence):
    noise = torch.linspace(-0.1, 0.1, 20)[:, None]
    found = Regret((1,), nearest + noise, torch.ones(20, 1), torch.zeros(20), "mse", "e", 9)
    assert sentence in found.verdict


def test_classes_are_judged_by_their_errors():
    made = learner("protonet", outputs=0)
    meta, episodes = made.init(), classes()
    found = torch.stack([error_of(made, meta)(task) for task in episodes])
    answers = [
        made.predict(meta, made.adapt(meta, t.support), t.query.x).argmax(1) for t in episodes
    ]
    wrong = [(a != t.query.y).double().mean() for a, t in zip(answers, episodes, strict=True)]
    assert found.tolist() == torch.stack(wrong).tolist()


def test_what_cannot_be_is_said(known):
    made, meta = line()
    with pytest.raises(InputError, match="between 1 and 30, got \\[31\\]"):
        regret_at_k(made, meta, known, TASKS.test, at=(31,))
    with pytest.raises(InputError, match="an index needs at least one task, got tasks=0"):
        TaskIndex.of(known.encoder, TASKS.train, tasks=0)
    nearest = il.nearest_neighbour()
    index = TaskIndex.of(from_learner(nearest, nearest.init()), TASKS.train, tasks=3)
    with pytest.raises(
        InputError, match=r"a warm start needs a learner that descends.*nearest_neighbour"
    ):
        warm_start(
            nearest,
            nearest.init(),
            index,
            Examples(torch.zeros(2, 1), torch.zeros(2, 1)),
        )
