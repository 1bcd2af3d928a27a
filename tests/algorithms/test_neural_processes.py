"""What latent, attentive and joint neural processes add to the laws that every learner keeps."""

from __future__ import annotations

import pytest
import torch

import innerloop as il
from innerloop.algorithms.tnp import in_turn
from innerloop.likelihoods import Mixture, Normal

SMALL = {"width": 16, "layers": 1, "heads": 2}
LEARNERS = {
    "neural_process": lambda **kind: il.neural_process(width=16, depth=2, samples=4, **kind),
    "anp": lambda **kind: il.anp(depth=2, **SMALL, **kind),
    "anp, latent": lambda **kind: il.anp(depth=2, latent=True, samples=4, **SMALL, **kind),
    "tnp": lambda **kind: il.tnp(**SMALL, **kind),
    "tnp, joint": lambda **kind: il.tnp(joint=True, **SMALL, **kind),
    "tnp, relative": lambda **kind: il.tnp(relative=True, **SMALL, **kind),
    "tnp, relative and joint": lambda **kind: il.tnp(relative=True, joint=True, **SMALL, **kind),
}
every = pytest.mark.parametrize("name", LEARNERS)


def levels(tasks: int, seed: int, rows: int = 5) -> il.Episodes:
    """y = the task's own level + noise, whatever x is."""
    g = torch.Generator().manual_seed(seed)
    level = torch.randn(tasks, 1, 1, generator=g)
    x = torch.rand(tasks, 2 * rows, 1, generator=g)
    y = level + 0.1 * torch.randn(tasks, 2 * rows, 1, generator=g)
    return il.Episodes(il.Examples(x[:, :rows], y[:, :rows]), il.Examples(x[:, rows:], y[:, rows:]))


def started(name: str, **kind):
    learner = LEARNERS[name](**kind)
    return learner, learner.init(torch.Generator().manual_seed(0))


def learnt(learner: il.Learner, steps: int = 100) -> il.Meta:
    meta = learner.init(torch.Generator().manual_seed(0))
    weights = [p.requires_grad_() for p in meta.params.values()]
    optimiser = torch.optim.Adam(weights, lr=5e-3)
    for step in range(steps):
        draws = torch.Generator().manual_seed(step)
        found = learner.gradient(meta, levels(16, seed=step), generator=draws)
        for name, weight in meta.params.items():
            weight.grad = found.grads[name]
        optimiser.step()
    return il.Meta({n: p.detach() for n, p in meta.params.items()}, meta.state)


@every
def test_it_learns_what_tasks_have_in_common(name):
    learner = LEARNERS[name]()
    meta, errors, nlls = learnt(learner), [], []
    for task in levels(50, seed=-1):
        outputs = learner.predict(meta, learner.adapt(meta, task.support), task.query.x)
        errors.append(learner.method.likelihood.score(outputs, task.query.y))
        nlls.append(learner.method.likelihood.negative_log(outputs, task.query.y))
    assert float(torch.cat(errors).mean()) < 0.25  # of a variance of 1 between tasks
    assert float(torch.cat(nlls).mean()) < 1.0  # 1.42 is what the family's own spread gives


@every
def test_an_empty_support_set_gives_the_prior(name):
    learner, meta = started(name)
    none = il.Examples(torch.zeros(0, 1), torch.zeros(0, 1))
    outputs = learner.predict(meta, learner.adapt(meta, none), torch.zeros(3, 1))
    assert learner.has_prior
    assert outputs.isfinite().all()
    assert len(outputs) == 3


@every
def test_an_empty_support_set_of_classes_must_say_how_many(name):
    learner, meta = started(name, targets=0)
    x, y = torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64)
    fast = learner.adapt(meta, il.Examples(x, y, ways=3))
    outputs = learner.predict(meta, fast, torch.zeros(2, 1))
    torch.testing.assert_close(outputs, outputs[:, :1].expand(2, 3))  # none is favoured
    with pytest.raises(il.InputError, match="at least one row"):
        learner.adapt(meta, il.Examples(x, y))


@pytest.mark.parametrize("name", ["neural_process", "anp, latent"])
def test_answers_are_fixed_and_what_it_learns_by_is_drawn(name):
    learner, meta = started(name)
    task, tasks = levels(1, seed=0)[0], levels(2, seed=0)
    fast = learner.adapt(meta, task.support)
    first, again = (learner.predict(meta, fast, task.query.x) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == (5, 1, 4, 3)
    losses = [
        learner.gradient(meta, tasks, generator=torch.Generator().manual_seed(seed)).losses
        for seed in (0, 0, 1)
    ]
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


@pytest.mark.parametrize("name", ["neural_process", "anp, latent"])
def test_a_task_is_a_point_with_a_spread(name):
    learner, meta = started(name)
    mean, variance = learner.method.embed(meta, levels(1, seed=0)[0].support)
    assert mean.shape == variance.shape == (16,)
    assert (variance > 0).all()


def test_without_a_latent_vector_each_answer_is_one_normal():
    alone, several = LEARNERS["anp"](), LEARNERS["anp, latent"]()
    assert isinstance(alone.method.likelihood, Normal)
    assert isinstance(several.method.likelihood, Mixture)


def test_a_joint_answer_has_seen_earlier_targets_and_no_others():
    learner, meta = started("tnp, joint")
    task = levels(1, seed=0)[0]
    y = task.query.y.clone()
    y[2] += 1
    other = il.Episode(task.support, il.Examples(task.query.x, y))
    before, after = (learner.method.predict_jointly(meta, e) for e in (task, other))
    same = torch.isclose(before, after).flatten(1).all(1)
    assert same.tolist() == [True, True, True, False, False]
    alone = learner.predict(meta, learner.adapt(meta, task.support), task.query.x)
    torch.testing.assert_close(alone[0], before[0])  # the first has seen the support set alone


def test_no_token_sees_what_comes_later():
    seen = in_turn(2, 3)
    assert not seen[:, 2:].triu(1)[2:5].any()
    assert not seen[5:, 2:].triu().any()


@pytest.mark.parametrize("make", [il.neural_process, il.anp])
def test_no_samples_are_refused(make):
    with pytest.raises(il.InputError, match="samples counts the latent vectors"):
        make(samples=0)
