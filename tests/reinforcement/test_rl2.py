"""RL2: the laws of its recurrence and its loss, and that it learns."""

import pytest
import torch

import innerloop as il
from innerloop.reinforcement import bandits, point_navigation, rl2, tabular_mdps, train
from innerloop.reinforcement.networks import gru
from innerloop.reinforcement.networks.linear import gru_weights
from innerloop.reinforcement.ppo import advantages
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import tree_map

G = torch.Generator


def test_the_written_out_gradient_is_that_of_the_cell_step_by_step():
    g = G().manual_seed(0)
    weights = {n: p.double() for n, p in gru_weights("gru", 3, 5, g).items()}
    params = {n: p + 0.1 * torch.randn(p.shape, generator=g).double() for n, p in weights.items()}
    params = {n: p.requires_grad_() for n, p in params.items()}
    x = torch.randn(4, 7, 3, generator=g).double()
    start = torch.randn(7, 5, generator=g).double().requires_grad_()
    h, states = start, []
    for step in x:
        h = gru.cell(params, "gru", step, h)
        states.append(h)
    slow, fast = torch.stack(states), gru.along(params, "gru", x, start)
    assert torch.allclose(slow, fast, atol=1e-12)
    toward = torch.randn(slow.shape, generator=g).double()
    leaves = [*params.values(), start]
    pairs = zip(
        torch.autograd.grad((slow * toward).sum(), leaves),
        torch.autograd.grad((fast * toward).sum(), leaves),
        strict=True,
    )
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in pairs)


def test_many_tasks_at_once_are_each_task_alone():
    tasks = tabular_mdps(states=3, actions=2, horizon=4, trial_episodes=2)
    agent, g = rl2(tasks, hidden=6), G().manual_seed(0)
    meta = agent.init(g)
    task = tasks.sample(5)
    acted = rollout(agent.policy(meta), tasks, task, 5, g)
    for t in range(5):
        alone = tree_map(lambda leaf, t=t: leaf[:, t], acted.trials.steps)
        fast = agent.adapt(meta, alone)
        assert torch.allclose(fast, acted.memory[t], atol=1e-6)
        following = alone.following[-1]
        one = agent.predict(meta, fast, following)
        assert torch.allclose(
            one,
            torch.vmap(lambda f, o: agent.method.predict(meta.params, f, o))(
                acted.memory, acted.trials.steps.following[-1]
            )[t],
            atol=1e-6,
        )


def test_observing_leaves_what_was_known_as_it_was():
    agent = rl2(bandits(arms=3), hidden=4)
    meta = agent.init(G().manual_seed(0))
    fast = agent.begin(meta)
    nothing = torch.zeros(0)
    step = il.reinforcement.Step(
        nothing, torch.tensor(1), torch.tensor(1.0), torch.tensor(True), nothing
    )
    more = agent.observe(meta, fast, step)
    assert (fast == 0).all()
    assert (more != 0).any()


def test_with_trace_one_advantages_are_returns_less_values():
    g = G().manual_seed(0)
    rewards, values = torch.randn(6, 3, generator=g), torch.randn(6, 3, generator=g)
    found = advantages(rewards, values, torch.ones(6, 3).bool(), discount=0.9, trace=1.0)
    powers = 0.9 ** torch.arange(6.0)
    for t in range(6):
        returns = (powers[: 6 - t, None] * rewards[t:]).sum(0)
        assert torch.allclose(found[t], returns - values[t], atol=1e-5)


def test_what_comes_after_the_end_of_a_trial_counts_for_nothing():
    rewards, values = torch.ones(3, 1), torch.ones(3, 1)
    real = torch.tensor([[True], [True], [False]])
    cut = advantages(rewards[:2], values[:2], real[:2], discount=0.9, trace=0.5)
    assert torch.equal(advantages(rewards, values, real, discount=0.9, trace=0.5)[:2], cut)


def test_it_learns_to_stay_with_the_arm_that_pays():
    tasks = bandits(arms=2, trial_episodes=4)
    agent = rl2(tasks, hidden=16, minibatches=4, ratio_clip=0.2, entropy=0.0)
    run = train(agent, steps=30, meta_batch=500, lr=1e-2, validation_tasks=4_000, progress=False)
    assert run.validation > 2.15  # 2 by chance, 2.278 at best
    assert run.validation < il.reinforcement.judges.bandit_optimum(2, 4) + 0.07


def test_an_absent_arm_is_never_pulled():
    tasks = bandits(arms=5, least_arms=2, trial_episodes=4)
    agent, task = rl2(tasks, hidden=4), tasks.sample(300)
    acted = rollout(agent.policy(agent.init(None)), tasks, task, 300, G().manual_seed(0))
    assert (acted.trials.steps.action < task["arms"]).all()


def test_actions_that_are_numbers_are_refused():
    with pytest.raises(il.InputError, match="rl2 chooses among actions"):
        rl2(point_navigation())
