"""The decision-pretrained transformer: laws, and that it learns."""

import pytest
import torch

from innerloop.errors import InputError
from innerloop.reinforcement import bandits, dark_room, dpt, gridnavi, judge, tabular_mdps, train
from innerloop.reinforcement.rollout import rollout
from innerloop.tree import tree_map


def test_answers_at_once_are_those_step_by_step():
    tasks = gridnavi(trial_episodes=2)
    learner = dpt(tasks, width=8)
    meta = learner.init(torch.Generator().manual_seed(0))
    task = tasks.sample(3, seed=1)
    steps = rollout(
        learner.policy(meta), tasks, task, 3, torch.Generator().manual_seed(2)
    ).trials.steps
    at_once = learner.method.answers(meta.params, steps)
    fast = learner.begin(meta)
    for t in range(len(steps.reward)):
        one = tree_map(lambda leaf, t=t: leaf[t, 0], steps)
        said = learner.predict(meta, fast, one.observation)
        assert torch.allclose(said, at_once[t, 0], atol=1e-5)
        fast = learner.observe(meta, fast, one)


@pytest.mark.parametrize("make", [gridnavi, dark_room])
def test_the_best_moves_lead_to_the_goal(make):
    tasks = make()
    world, task = tasks.world, tasks.sample(50, seed=0)
    generator = torch.Generator().manual_seed(0)
    state = world.begin(task, generator)
    for _ in range(2 * world.size):
        action = world.best(task, world.observe(task, state))
        state = world.step(task, state, action, generator).state
    assert (state == task).all()


def test_it_learns_to_tell_which_arm_pays():
    tasks = bandits(arms=2, trial_episodes=10)
    run = train(
        dpt(tasks, width=16), steps=60, meta_batch=64, lr=5e-3, validation_tasks=50, progress=False
    )
    scores = judge("dpt", run.policy, tasks, count=2_000, seed=3)
    first, last = scores.by_episode[0], scores.by_episode[-1]
    assert last[0] - last[1] > first[0] + first[1]


def test_it_refuses_environments_that_do_not_tell_the_best_action():
    with pytest.raises(InputError, match="does not tell it"):
        dpt(tabular_mdps())
    with pytest.raises(InputError, match="multiple of heads"):
        dpt(bandits(), width=9)
