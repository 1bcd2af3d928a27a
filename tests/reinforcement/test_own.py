"""A user's own environment: tasks are set, spaces hold, episodes end, workers may die."""

import sys
from pathlib import Path

import pytest
import torch

gymnasium = pytest.importorskip("gymnasium")

from innerloop.errors import InputError  # noqa: E402
from innerloop.reinforcement import environment, judge, rl2, train  # noqa: E402
from innerloop.reinforcement.run import load  # noqa: E402


class Corridor(gymnasium.Env):
    """Walk left or right; a task is which end pays."""

    observation_space = gymnasium.spaces.Discrete(3)
    action_space = gymnasium.spaces.Discrete(2, start=1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 1
        return self.at, {}

    def step(self, action):
        assert action in (1, 2)
        self.at += 2 * action - 3
        over = self.at in (0, 2)
        return self.at, float(over and self.at == self.end), over, False, {}


def set_end(env, end):
    env.end = 2 * int(end)


def corridor(episodes: int = 2):
    return environment(
        Corridor,
        set_task=set_end,
        sample_task=lambda rng: rng.integers(2),
        horizon=5,
        trial_episodes=episodes,
    )


def made(**changes):
    given = {"set_task": set_end, "sample_task": lambda rng: rng.integers(2), "horizon": 5}
    return environment(Corridor, **{**given, "trial_episodes": 2, **changes})


def test_a_recurrent_policy_learns_which_end_pays():
    tasks = made(trial_episodes=3)
    run = train(
        rl2(tasks, hidden=16), steps=40, meta_batch=64, lr=5e-3, progress=False, validation_tasks=20
    )
    by_episode = [mean for mean, _ in judge("rl2", run.policy, tasks, count=300).by_episode]
    assert abs(by_episode[0] - 0.5) < 0.12
    assert by_episode[-1] > 0.8


def test_workers_give_what_there_is_without_them_and_may_die():
    torch.manual_seed(0)
    histories = []
    for workers in (0, 2):
        tasks = made(workers=workers)
        run = train(rl2(tasks, hidden=4), steps=2, meta_batch=6, progress=False, validation_tasks=4)
        histories.append([row["return"] for row in run.history])
    assert histories[0] == histories[1]
    tasks.world.keepers[0]._process.kill()
    tasks.world.keepers[0]._process.join()
    scores = judge("rl2", run.policy, tasks, count=8)
    assert tasks.world.lost == 1
    assert scores.returns.isfinite().all()


def test_a_users_error_in_a_worker_is_his_own():
    def broken(env, task):
        raise ValueError("no such end")

    with pytest.raises(ValueError, match="no such end"):
        judge(
            "rl2",
            rl2(made(workers=1)).policy(rl2(made()).init()),
            made(workers=1, set_task=broken),
            count=2,
        )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"horizon": None}, "may never end"),
        ({"workers": -1}, "at least 0"),
        ({"trial_episodes": 0}, "at least 1"),
    ],
)
def test_bad_input_is_one_sentence(changes, said):
    with pytest.raises(InputError, match=said):
        made(**changes)


def test_spaces_that_change_between_tasks_are_refused():
    def wider(env, task):
        env.observation_space = gymnasium.spaces.Discrete(4)

    tasks = made(set_task=wider)
    with pytest.raises(InputError, match="same spaces"):
        judge("rl2", rl2(tasks).policy(rl2(tasks).init()), tasks, count=2)


def test_rewards_must_be_finite_and_tasks_numbers():
    def never(env, task):
        env.step = lambda action: (1, float("nan"), False, False, {})

    tasks = made(set_task=never)
    with pytest.raises(InputError, match="finite"):
        judge("rl2", rl2(tasks).policy(rl2(tasks).init()), tasks, count=2)
    with pytest.raises(InputError, match="sample_task"):
        made(sample_task=lambda rng: "left").sample(2)


def test_a_run_finds_its_environments_again_by_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    here = sys.modules[__name__].__file__
    (tmp_path / "mine_of_tests.py").write_text(
        Path(here).read_text(encoding="utf-8"), encoding="utf-8"
    )
    from innerloop.reinforcement.environments import maker

    tasks = maker("environment:mine_of_tests:corridor")(episodes=3)
    run = train(
        rl2(tasks, hidden=4),
        steps=1,
        meta_batch=4,
        validation_tasks=2,
        progress=False,
        out=tmp_path / "run",
    )
    again = load(tmp_path / "run")
    assert again.learner.tasks.name == "environment:mine_of_tests:corridor"
    assert again.learner.tasks.trial_episodes == 3
    assert all(torch.equal(again.meta.params[name], leaf) for name, leaf in run.meta.params.items())
