"""The joint log-likelihood, against what it is by definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

import innerloop as il
from innerloop.core import Meta
from innerloop.evaluation import joint_log_likelihood
from innerloop.likelihoods import Normal
from innerloop.outer import algorithm


class KnowsTheLevel:
    """y = level + noise, both standard normal: Bayes' rule for the level, by sums."""

    likelihood = Normal(least=0.0)

    def init(self, generator=None):
        return Meta({"unused": torch.zeros(1, dtype=torch.float64)}, {})

    def adapt(self, meta, support, *, generator=None):
        count = torch.full((1,), float(len(support.y)), dtype=torch.float64)
        return {"sum": support.y.sum(0), "count": count}

    def predict(self, meta, fast, x):
        precision = 1 + fast["count"]
        mean, std = fast["sum"] / precision, (1 + 1 / precision).sqrt()
        return torch.stack([mean, std.expm1().log()], -1).expand(len(x), 1, 2)


class AddsRows(KnowsTheLevel):
    def observe(self, meta, fast, more):
        new = self.adapt(meta, more)
        return {name: fast[name] + new[name] for name in fast}


@algorithm()
def again(model=None, loss=None):
    return KnowsTheLevel()


@algorithm()
def adding(model=None, loss=None):
    return AddsRows()


def levels(tasks=3, shots=2, queries=4, dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    y = torch.randn(tasks, shots + queries, 1, generator=g, dtype=torch.float64)
    support, query = y[:, :shots].to(dtype), y[:, shots:].to(dtype)
    return il.Episodes(il.Examples(support, support), il.Examples(query, query))


@pytest.mark.parametrize("make", [again, adding])
def test_the_chain_rule_gives_the_joint_density(make):
    episodes = levels()
    y = torch.cat([episodes.support.y, episodes.query.y], 1)[..., 0]

    def log_density(rows):
        size = rows.shape[1]
        covariance = torch.eye(size, dtype=rows.dtype) + 1
        return MultivariateNormal(torch.zeros_like(covariance[0]), covariance).log_prob(rows)

    expected = (log_density(y) - log_density(y[:, :2])) / 4
    learner = make()
    torch.testing.assert_close(joint_log_likelihood(learner, learner.init(), episodes), expected)


def test_one_query_has_no_others_to_hang_together_with():
    learner = il.tnp(width=8, layers=1, heads=2, joint=True)
    meta, episodes = (
        learner.init(torch.Generator().manual_seed(0)),
        levels(queries=1, dtype=torch.float32),
    )
    found = joint_log_likelihood(learner, meta, episodes)
    for value, task in zip(found, episodes, strict=True):
        outputs = learner.predict(meta, learner.adapt(meta, task.support), task.query.x)
        alone = -learner.method.likelihood.negative_log(outputs, task.query.y)
        torch.testing.assert_close(value, alone[0].double())


def test_one_that_learnt_the_joint_answers_as_it_learnt():
    learner = il.tnp(width=8, layers=1, heads=2, joint=True)
    meta, episodes = (
        learner.init(torch.Generator().manual_seed(0)),
        levels(dtype=torch.float32),
    )
    losses = learner.gradient(meta, episodes).losses.double()
    torch.testing.assert_close(joint_log_likelihood(learner, meta, episodes), -losses)


def test_tasks_of_unequal_rows_are_met_by_their_shape():
    learner = again()
    episodes = levels()
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 1]]).bool()
    query = il.Examples(episodes.query.x, episodes.query.y, mask=mask)
    found = joint_log_likelihood(learner, learner.init(), il.Episodes(episodes.support, query))
    whole = joint_log_likelihood(learner, learner.init(), episodes)
    short = il.Episodes(episodes[1:2].support, il.Examples(query.x[1:2, :2], query.y[1:2, :2]))
    torch.testing.assert_close(found[[0, 2]], whole[[0, 2]])
    torch.testing.assert_close(found[1:2], joint_log_likelihood(learner, learner.init(), short))


def test_classes_hang_together_too():
    learner = il.cnp(targets=0, inputs=2, width=8)
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 4, 2, generator=g), torch.tensor([[0, 1, 0, 1]] * 2)
    sides = (il.Examples(x, y, ways=2), il.Examples(x[:, :3], y[:, :3], ways=2))
    found = joint_log_likelihood(learner, learner.init(), il.Episodes(*sides))
    assert found.shape == (2,)
    assert (found < 0).all()
    assert float(found.mean()) > -3 * math.log(2)
