"""Which output a class gets must not matter, exactly or within what is stated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import innerloop as il
from innerloop.adapted.orders import depends_on_order, places_of
from innerloop.core import Examples

sys.path.append(str(Path(__file__).parents[1] / "laws"))
import law_cases as given

NAMES = ["alpha", "beta", "gamma"]
OTHERS = {"alpha": "gamma", "beta": "alpha", "gamma": "beta"}  # another order when sorted


@pytest.mark.parametrize("name", given.ALGORITHMS)
def test_learners_that_make_a_head_anew_do_not_know_the_order(name):
    learner = given.learner(name, "mlp")
    if depends_on_order(learner):
        pytest.skip("each class has an output that is learnt across tasks")
    meta, episode = given.start(learner), given.classification("mlp")[0]
    order = torch.tensor([2, 0, 1])
    support = Examples(episode.support.x, order[episode.support.y], ways=3)
    straight, turned = (
        learner.predict(meta, learner.adapt(meta, s), episode.query.x)
        for s in (episode.support, support)
    )
    assert given.biggest(straight[:, :3], turned[:, order]) < 1e-9


def test_places_are_balanced_and_all_where_that_is_few():
    for ways, outputs, orders in [(5, 5, 5), (3, 5, 10), (4, 4, 8)]:
        places = places_of(ways, outputs, orders)
        assert places.shape == (orders, ways)
        assert places[0].tolist() == list(range(ways))
        for way in range(ways):
            assert (
                places[:, way].bincount(minlength=outputs).tolist() == [orders // outputs] * outputs
            )
    assert len({tuple(p) for p in places_of(4, 4, 20).tolist()}) == 20
    assert sorted(places_of(3, 3, 6).tolist()) == sorted(places_of(3, 3, 99).tolist())


@pytest.fixture(scope="module")
def trained():
    """A short MAML on handwritten digits, five ways."""
    learner = il.maml(il.models.mlp(784, 5, hidden=32), inner_lr=0.2, inner_steps=2)
    tasks = il.tasks.digits(ways=3, shots=2)
    return il.train(
        learner, tasks, steps=60, meta_batch=4, validate_every=0, progress=False
    ), tasks.test.sample(seed=1, index=0, tasks=6)


def moved(run, episodes, orders):
    """(largest change of a row's probabilities, on average; share of other answers) when the
    classes are named in another order."""
    change, other = [], []
    for episode in episodes:
        labels = [NAMES[n] for n in episode.support.y]
        one = run.adapt(episode.support.x, labels, orders=orders)
        two = run.adapt(episode.support.x, [OTHERS[name] for name in labels], orders=orders)
        p, q = one.predict_proba(episode.query.x), two.predict_proba(episode.query.x)
        q = q[:, [two.classes.tolist().index(OTHERS[name]) for name in one.classes]]
        change.append((p - q).abs().amax(1).mean())
        other.append((p.argmax(1) != q.argmax(1)).float().mean())
    return float(torch.stack(change).mean()), float(torch.stack(other).mean())


def test_maml_answers_alike_whatever_the_classes_are_called(trained):
    run, episodes = trained
    (one, flips), (five, fewer), (many, _) = (moved(run, episodes, n) for n in (1, 5, 20))
    assert one > 0.02
    assert five < one / 2
    assert five < 0.1
    assert many < five
    assert fewer < flips
    assert moved(run, episodes[:3], 60)[0] < 1e-5  # all 60 orders of three in five outputs
    assert moved(run, episodes, None) == (five, fewer)


def test_prototypes_answer_the_same_and_ignore_orders(trained):
    learner = il.protonet(il.models.mlp(784, None, hidden=8))
    run = il.train(learner, il.tasks.digits(), steps=1, progress=False, validate_every=0)
    assert moved(run, trained[1], None)[0] < 1e-6
    assert moved(run, trained[1], 7)[0] < 1e-6
    assert run.adapt(torch.rand(2, 1, 28, 28), [0, 1], orders=7).places is None


def test_a_network_that_cannot_be_batched_adapts_in_turn():
    class Stubborn(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(x) * (1.0 if float(x.sum()) > -1e9 else 2.0) if x.ndim else x

    plain = torch.nn.Linear(2, 2)
    stubborn = Stubborn()
    stubborn.layer.load_state_dict(plain.state_dict())
    x, y = torch.eye(2), [0, 1]
    answers = []
    for net in (plain, stubborn):
        learner = il.maml(net, inner_lr=1.0)
        run = il.Run(learner, learner.init(), "classification", None, 0)
        answers.append(run.adapt(x, y, orders=2).predict_proba(x))
    assert torch.allclose(*answers, atol=1e-6)
