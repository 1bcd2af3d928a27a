"""VariBAD: laws of its belief, and that it learns."""

import torch

from innerloop.reinforcement import gridnavi, train, varibad
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import tree_map


def parts():
    tasks = gridnavi(trial_episodes=2)
    learner = varibad(tasks, hidden=8, latent=3, width=8)
    meta = learner.init(torch.Generator().manual_seed(0))
    task = tasks.sample(4, seed=1)
    trials = rollout(learner.policy(meta), tasks, task, 4, torch.Generator().manual_seed(2)).trials
    return learner, meta, trials


def test_states_at_once_are_those_step_by_step():
    learner, meta, trials = parts()
    states = learner.method.states(meta.params, trials)
    experience = tree_map(lambda leaf: leaf[:, 0], trials.steps)
    assert torch.allclose(learner.adapt(meta, experience), states[-1, 0], atol=1e-5)
    assert torch.allclose(
        learner.embed(meta, learner.begin(meta)), learner.method.embed(meta.params, states[0, 0])
    )


def test_no_gradient_of_the_return_reaches_the_belief():
    learner, meta, trials = parts()
    params = {name: leaf.requires_grad_() for name, leaf in meta.params.items()}
    belief = learner.method.embed(params, learner.method.states(params, trials)[:-1]).detach()
    logits, value = learner.method.judged(params, belief, trials.steps.observation)
    names = [name for name in params if name.startswith(("gru", "belief", "reward"))]
    found = torch.autograd.grad(
        (logits.sum() + value.sum()), [params[n] for n in names], allow_unused=True
    )
    assert all(gradient is None for gradient in found)
    unit = torch.tensor(1.0)
    bound = learner.method.bound(params, trials, unit, torch.Generator().manual_seed(0))
    moved = torch.autograd.grad(bound, [params[n] for n in names])
    assert all(gradient.abs().sum() > 0 for gradient in moved)


def test_it_learns_and_resumes_to_the_same_bits(tmp_path):
    learner = varibad(gridnavi(trial_episodes=2), hidden=8, width=16)
    given = {
        "meta_batch": 32,
        "validation_tasks": 50,
        "progress": False,
        "seed": 1,
        "schedule": "constant",
    }
    whole = train(learner, steps=4, out=tmp_path / "whole", **given)
    train(learner, steps=2, out=tmp_path / "parts", **given)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gone_on = train(learner, steps=4, out=tmp_path / "parts", resume=True, **given)
    losses = [[row["loss"] for row in run.history] for run in (whole, gone_on)]
    assert losses[0] == losses[1]
