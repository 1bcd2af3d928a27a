"""Environments: gymnasium's own checker, the same tasks for the same seed, and what they promise."""

import pytest
import torch

import innerloop as il
from innerloop.reinforcement import ENVIRONMENTS, bandits, dark_room, gridnavi, tabular_mdps
from innerloop.tree import tree_leaves, tree_map


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # advice on spaces and specs
def test_gymnasium_accepts_the_environment(name):
    checker = pytest.importorskip("gymnasium.utils.env_checker")
    checker.check_env(ENVIRONMENTS[name]().single(seed=0), skip_render_check=True)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_vector_environment_keeps_its_spaces_and_begins_again(name):
    pytest.importorskip("gymnasium")
    tasks = ENVIRONMENTS[name]()
    envs = tasks.vector(3, seed=1)
    seen, _ = envs.reset(seed=5)
    assert envs.observation_space.contains(seen)
    envs.action_space.seed(0)
    ends = 0
    for _ in range(tasks.world.horizon + 2):
        seen, reward, terminated, truncated, _ = envs.step(envs.action_space.sample())
        assert envs.observation_space.contains(seen)
        assert reward.shape == (3,)
        ends += (terminated | truncated).sum()
    assert ends >= 3
    again, _ = envs.reset(seed=5)
    assert (again == tasks.vector(3).reset(seed=5)[0]).all()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_tasks_follow_the_seed(name):
    tasks = ENVIRONMENTS[name]()
    same, other = tasks.sample(50, seed=3), tasks.sample(50, seed=4)
    for a, b in zip(tree_leaves(same), tree_leaves(tasks.sample(50, seed=3)), strict=True):
        assert torch.equal(a, b)
    pairs = zip(tree_leaves(same), tree_leaves(other), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def test_a_bandit_pays_as_often_as_its_mean():
    world, g = bandits(arms=2).world, torch.Generator().manual_seed(0)
    task = {"means": torch.tensor([[0.2, 0.9]]).expand(20_000, 2), "arms": torch.tensor([2])}
    for arm, mean in ((0, 0.2), (1, 0.9)):
        state = world.begin(task, g)
        reward = world.step(task, state, torch.full((20_000,), arm), g).reward
        assert abs(reward.mean() - mean) < 0.015


def test_an_mdp_moves_as_its_distribution_says():
    world, g = tabular_mdps(states=3, actions=2).world, torch.Generator().manual_seed(0)
    one = world.sample(1, g)
    many = tree_map(lambda leaf: leaf.expand(30_000, *leaf.shape[1:]), one)
    outcome = world.step(many, world.begin(many, g), torch.ones(30_000, dtype=torch.int64), g)
    share = torch.bincount(outcome.state, minlength=3) / 30_000
    said = one["moves"][0, 0, 1].diff(prepend=torch.zeros(1))
    assert torch.allclose(share, said, atol=0.015)
    assert abs(outcome.reward.mean() - one["rewards"][0, 0, 1]) < 0.03


def test_goals_of_gridnavi_lie_outside_the_corner():
    goals = gridnavi().sample(500)
    assert (goals.amax(1) >= 2).all()
    assert len(goals.unique(dim=0)) == 21


def test_a_dark_room_pays_in_its_goal_only():
    world, g = dark_room(size=3).world, torch.Generator()
    task = torch.tensor([[1, 2], [0, 0]])
    outcome = world.step(task, world.begin(task, g), torch.tensor([1, 1]), g)  # from the middle, up
    assert outcome.state.tolist() == [[1, 2], [1, 2]]
    assert outcome.reward.tolist() == [1.0, 0.0]


def test_a_point_moves_no_faster_than_it_can_and_stops_near_its_goal():
    world, g = il.reinforcement.point_navigation().world, torch.Generator()
    task = torch.tensor([[0.1, 0.1], [0.5, 0.0]])
    outcome = world.step(task, world.begin(task, g), torch.tensor([[1.0, 1.0], [9.0, 0.0]]), g)
    assert torch.allclose(outcome.state, torch.tensor([[0.1, 0.1], [0.1, 0.0]]))
    assert outcome.over.tolist() == [True, False]
    assert torch.allclose(outcome.reward, torch.tensor([0.0, -0.4]), atol=1e-6)


def test_a_trial_of_less_than_one_episode_is_refused():
    with pytest.raises(il.InputError, match="trial_episodes must be a whole number of at least 1"):
        bandits(trial_episodes=0)
    with pytest.raises(il.InputError, match="arms must be a whole number of at least 2, got 1"):
        bandits(arms=1)


def test_set_task_takes_a_task_for_each_environment():
    pytest.importorskip("gymnasium")
    with pytest.raises(il.InputError, match="there are 3, got 2"):
        gridnavi().vector(3).set_task(gridnavi().sample(2))
