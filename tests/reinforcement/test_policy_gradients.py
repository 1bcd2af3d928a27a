"""MAML and CAVIA for policies: the laws of their steps, and that they learn."""

import math

import pytest
import torch

import innerloop as il
from innerloop.reinforcement import (
    Step,
    bandits,
    cavia,
    judge,
    maml,
    point_navigation,
    tabular_mdps,
    train,
)
from innerloop.reinforcement.rollout import rollout
from innerloop.reinforcement.tried import episodes_of
from innerloop.training.optimiser import Layout
from innerloop.tree import tree_map

G = torch.Generator
SMALL = {"hidden": 8, "rollouts": 4}
MAKERS = [maml, cavia]


def double(meta):
    return il.core.Meta({name: p.double() for name, p in meta.params.items()}, {})


def stream(lengths, seed=0, actions=2):
    g, total = G().manual_seed(seed), sum(lengths)
    seen, ended = torch.rand(total, 2, generator=g).double(), torch.zeros(total).bool()
    ended[torch.tensor(lengths).cumsum(0) - 1] = True
    action = torch.randn(total, actions, generator=g).double()
    return Step(seen, action, torch.randn(total, generator=g).double(), ended, seen)


def tried_by(agent, meta, count=3, rounds=2):
    """What was tried in tasks, in double precision."""
    task = agent.tasks.sample(count)
    each = agent.method.rounds(meta.params, agent.tasks, task, rounds, G().manual_seed(1))
    return [tree_map(lambda f: f.double() if f.is_floating_point() else f, one) for one in each]


@pytest.mark.parametrize("make", MAKERS)
def test_many_tasks_at_once_are_each_task_alone(make):
    agent = make(point_navigation(horizon=6), **SMALL)
    meta = agent.init(G().manual_seed(0))
    tried, meta = tried_by(agent, meta), double(meta)

    def gradient(params, *one):
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        loss, _ = agent.method.task_cost(leaves, one)
        return torch.autograd.grad(loss, list(leaves.values()))

    alone = [gradient(meta.params, *tree_map(lambda leaf, t=t: leaf[t], tried)) for t in range(3)]
    leaves = {name: p.detach().requires_grad_() for name, p in meta.params.items()}
    many = torch.autograd.grad(agent.method.cost(leaves, tried)[0], list(leaves.values()))
    for number, found in enumerate(many):
        mean = torch.stack([one[number] for one in alone]).mean(0)
        assert torch.allclose(found, mean, atol=1e-10)
    assert any(found.abs().max() > 1e-6 for found in many)


@pytest.mark.parametrize("estimator", ["lvc", "dice"])
def test_the_outer_gradient_is_that_of_finite_differences(estimator):
    agent = maml(point_navigation(horizon=5), estimator=estimator, **SMALL)
    meta, g = agent.init(G().manual_seed(0)), G().manual_seed(2)
    rough = {name: p + 0.1 * torch.randn(p.shape, generator=g) for name, p in meta.params.items()}
    meta = il.core.Meta(rough, {})  # biases of 0 are a rectified unit's corner
    tried, meta = tried_by(agent, meta), double(meta)
    layout = Layout.of(meta.params)
    weights = layout.pack(meta.params).requires_grad_()

    def loss(vector):
        return agent.method.cost(layout.unpack(vector), tried)[0]

    (found,) = torch.autograd.grad(loss(weights), weights)
    away = torch.randn(len(weights), generator=g).double()
    eps = 1e-6
    with torch.no_grad():
        rise = (loss(weights + eps * away) - loss(weights - eps * away)) / (2 * eps)
    assert math.isclose(float(found @ away), float(rise), rel_tol=1e-5, abs_tol=1e-8)


@pytest.mark.parametrize("make", MAKERS)
def test_the_order_of_the_episodes_does_not_matter(make):
    agent = make(point_navigation(), **SMALL)
    meta = double(agent.init(G().manual_seed(0)))
    steps = stream([3, 5, 2])
    parts = [Step(*(leaf[a:b] for leaf in steps)) for a, b in ((8, 10), (0, 3), (3, 8))]
    turned = Step(*(torch.cat(leaves) for leaves in zip(*parts, strict=True)))
    one, other = (agent.adapt(meta, each)["params"] for each in (steps, turned))
    assert all(torch.allclose(one[name], other[name], atol=1e-10) for name in one)


@pytest.mark.parametrize("make", MAKERS)
def test_adapting_leaves_what_is_shared_as_it_was_and_a_second_step_is_half_as_long(make):
    agent = make(point_navigation(), inner_lr=0.2, later=0.5, **SMALL)
    meta, steps = double(agent.init(G().manual_seed(0))), stream([4, 4])
    kept = {name: p.clone() for name, p in meta.params.items()}
    start = agent.begin(meta)
    first = agent.adapt(meta, steps)
    later = agent.adapt(meta, steps, fast={**start, "steps": torch.tensor(3)})
    assert all(torch.equal(p, kept[name]) for name, p in meta.params.items())
    moved = 0.0
    for name, begun in start["params"].items():
        far, half = first["params"][name] - begun, later["params"][name] - begun
        assert torch.allclose(far, 2 * half, atol=1e-12)
        moved = max(moved, float(far.abs().max()))
    assert moved > 0
    assert (first["steps"], later["steps"]) == (1, 4)


def test_only_the_context_moves_where_there_is_one():
    agent = cavia(point_navigation(), context=3, **SMALL)
    fast = agent.adapt(agent.init(G().manual_seed(0)), tree_map(as_float, stream([4, 4])))
    assert {name: tuple(p.shape) for name, p in fast["params"].items()} == {"context": (3,)}


def as_float(leaf):
    return leaf.float() if leaf.is_floating_point() else leaf


def test_a_stream_is_cut_where_episodes_ended():
    trials = episodes_of(stream([3, 1, 4]))
    assert trials.real.sum(0).tolist() == [3, 1, 4]
    assert torch.equal(trials.steps.reward.T[trials.real.T], stream([3, 1, 4]).reward)


def test_the_policy_alone_in_a_stream_learns_as_side_by_side():
    """After `rollouts` episodes it knows what `adapt` makes of them."""
    agent = maml(point_navigation(horizon=4), **SMALL)
    meta = agent.init(G().manual_seed(0))
    tasks = agent.tasks.replace(trial_episodes=4)
    acted = rollout(agent.policy(meta), tasks, tasks.sample(3), 3, G().manual_seed(1))
    for t in range(3):
        own = tree_map(lambda leaf, t=t: leaf[:, t], acted.trials.steps)
        fast = agent.adapt(meta, own)
        assert all(
            torch.allclose(acted.memory.fast["params"][name][t], p, atol=1e-6)
            for name, p in fast["params"].items()
        )
        assert acted.memory.fast["steps"][t] == 1


@pytest.mark.parametrize("outer", ["trpo", "ppo"])
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path, outer):
    agent = maml(point_navigation(horizon=5), outer=outer, **SMALL)
    usual = {"meta_batch": 3, "progress": False, "validate_every": 0, "schedule": "constant"}
    whole = train(agent, steps=4, out=tmp_path / "whole", **usual)
    begun = train(agent, steps=2, out=tmp_path / "parts", **usual)
    with pytest.warns(UserWarning, match="larger budget"):
        parts = train(agent, steps=4, out=tmp_path / "parts", resume=True, **usual)
    assert all(torch.equal(p, parts.meta.params[name]) for name, p in whole.meta.params.items())
    assert any(not torch.equal(p, begun.meta.params[n]) for n, p in whole.meta.params.items())


def test_steps_of_which_the_curvature_is_taken_are_spread_over_the_episodes():
    agent = maml(point_navigation(horizon=7), **SMALL)
    (one,) = tried_by(agent, agent.init(G().manual_seed(0)), rounds=1)
    thin = one.every(3)
    assert thin.real.shape == (3, 3, 4)
    assert thin.real.sum((0, 1)).tolist() == [9, 6, 6, 9]  # times 0 3 6, 1 4, 2 5, 0 3 6
    assert torch.equal(thin.action[:, :2, 1], one.action[:, [1, 4], 1])
    assert torch.equal(one.every(1).said, one.said)


def test_a_gradient_step_learns_which_arm_pays():
    tasks = bandits(arms=2, trial_episodes=2)
    agent = maml(tasks, inner_lr=2.0, max_kl=0.2, curvature_every=1, hidden=8, layers=1)
    run = train(agent, steps=10, meta_batch=50, validation_tasks=10, progress=False)
    before, after = (mean for mean, _ in judge("maml", run.policy, tasks, count=1_000).by_episode)
    assert abs(before - 0.5) < 0.03
    assert after > before + 0.06


def test_tasks_with_fewer_actions_are_met_too():
    agent = maml(tabular_mdps(states=3, actions=2, horizon=3), **SMALL)
    assert train(agent, steps=1, meta_batch=3, validation_tasks=4, progress=False).steps == 1
    agent = maml(bandits(arms=4, least_arms=2), **SMALL)
    meta = agent.init(G().manual_seed(0))
    task = agent.tasks.sample(50)
    acted = rollout(agent.policy(meta), agent.tasks, task, 50, G())
    assert (acted.trials.steps.action < task["arms"]).all()


def test_the_same_seed_judges_the_same():
    agent = maml(point_navigation(horizon=4), **SMALL)
    policy = agent.policy(agent.init(G().manual_seed(0)))
    one, two = (judge("maml", policy, agent.tasks, count=5, seed=3).returns for _ in range(2))
    assert one.shape == (5, 4)
    assert torch.equal(one, two)
    assert "gradient steps taken" in str(judge("maml", policy, agent.tasks, count=5))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"inner_lr": -1.0}, "inner_lr must be from 0 to 1e[+]06, got -1.0"),
        ({"rollouts": 0}, "rollouts must be a whole number of at least 1"),
        ({"outer": "adam"}, "outer must be one of trpo, ppo, got 'adam'"),
        ({"estimator": "lcv"}, "did you mean lvc"),
        ({"later": 2.0}, "later must be from 0 to 1, got 2.0"),
    ],
)
def test_bad_settings_are_told(settings, sentence):
    with pytest.raises(il.InputError, match=sentence):
        maml(point_navigation(), **settings)


def test_one_step_of_experience_is_refused():
    agent = maml(point_navigation(), **SMALL)
    meta = agent.init(None)
    one = tree_map(lambda leaf: leaf[0], stream([2]))
    with pytest.raises(il.InputError, match="takes in whole episodes, not one step"):
        agent.observe(meta, agent.begin(meta), one)
