"""Judges: what is simulated agrees with what is computed exactly."""

import pytest
import torch

from innerloop.reinforcement import bandits, gridnavi, judge, judges, tabular_mdps
from innerloop.reinforcement.judges.mdps import best_actions
from innerloop.reinforcement.judges.table import beside, optimum
from innerloop.reinforcement.scores import returns_of


def within(scores, value: float) -> bool:
    return abs(scores.mean - value) < 2 * scores.ci95  # four standard errors


@pytest.mark.parametrize("rule", [judges.gittins, judges.ucb1])
def test_a_rule_earns_in_simulation_what_enumeration_says(rule):
    tasks = bandits(arms=3, trial_episodes=5)
    exact = judges.bandit_value(rule(tasks), 5)
    assert within(judge("rule", rule(tasks), tasks, count=20_000), exact)
    assert exact <= judges.bandit_optimum(3, 5) + 1e-9


def test_the_optimum_is_the_one_known():
    assert judges.bandit_optimum(arms=5, pulls=10) == pytest.approx(6.660, abs=5e-4)
    assert judges.bandit_optimum(arms=50, pulls=6) == judges.bandit_optimum(arms=6, pulls=6)


def test_two_pulls_of_two_arms_by_hand():
    # the first pays with 1/2; then 2/3 again after a win, 1/2 of the other arm after a loss
    assert judges.bandit_optimum(2, 2) == pytest.approx(1 / 2 + (2 / 3 + 1 / 2) / 2)


def test_thompson_sampling_earns_what_two_pulls_by_hand_say():
    # it stays after a win with P(Beta(2, 1) > U) = 2/3, and after a loss with P(Beta(1, 2) > U) = 1/3
    tasks = bandits(arms=2, trial_episodes=2)
    second = (2 / 3 * 2 / 3 + 1 / 3 * 1 / 2) / 2 + (1 / 3 * 1 / 3 + 2 / 3 * 1 / 2) / 2
    assert within(judge("thompson", judges.thompson(tasks), tasks, count=40_000), 0.5 + second)


def test_gittins_is_as_good_as_optimal_with_one_unknown_arm_left():
    assert judges.bandit_value(judges.gittins(bandits(arms=2, trial_episodes=6)), 6) > 0.998 * (
        judges.bandit_optimum(2, 6)
    )


def test_a_plan_by_dynamic_programming_is_the_best_of_all():
    g = torch.Generator().manual_seed(0)
    rewards, moves = torch.rand(1, 2, 2, generator=g), torch.rand(1, 2, 2, 2, generator=g)
    moves = moves / moves.sum(-1, keepdim=True)
    plan = best_actions(rewards, moves, 2)[0]  # (2, 2)

    def worth(first, second):  # of actions (state -> action) in step 0 and 1, from state 0
        after = moves[0, 0, first[0]]
        late = torch.stack([rewards[0, s, second[s]] for s in range(2)])
        return float(rewards[0, 0, first[0]] + after @ late)

    pairs = [(a, b) for a in range(2) for b in range(2)]
    best = max(worth(a, b) for a in pairs for b in pairs)
    assert worth(plan[0].tolist(), plan[1].tolist()) == pytest.approx(best)


def test_psrl_learns_from_episode_to_episode():
    tasks = tabular_mdps(states=4, actions=3, horizon=5, trial_episodes=6)
    found = returns_of(judges.psrl(tasks), tasks, 600, seed=0).mean(0)
    assert abs(found[0] - 5) < 0.5  # knows nothing: as good as random
    assert found[-1] > found[0] + 1


def test_posterior_sampling_finds_the_goal_of_a_grid_and_nobody_beats_the_optimum():
    tasks = gridnavi(trial_episodes=4)
    first, later = judges.grid_optimum(tasks)
    found = judge("sampling", judges.posterior_goal(tasks), tasks, count=4_000).by_episode
    assert (round(first, 3), round(later, 3)) == (4.0, 11.071)
    assert found[0][0] < first
    assert found[3][0] == pytest.approx(later, abs=2 * found[3][1] + 0.05)


def test_an_optimum_is_told_only_where_it_is_exact():
    assert optimum(bandits(arms=5, trial_episodes=100)) is None
    assert optimum(bandits(arms=5, least_arms=2)) is None
    assert optimum(gridnavi()) == pytest.approx(4 + 2 * 11.0714, abs=1e-3)


def test_random_earns_what_chance_does_and_respects_absent_arms():
    tasks = bandits(arms=6, least_arms=2, trial_episodes=3)
    assert within(judge("random", beside(tasks)["random"], tasks, count=20_000), 1.5)
    task = tasks.sample(2_000)
    policy, g = judges.random_policy(tasks), torch.Generator().manual_seed(0)
    action, _ = policy.act(policy.begin(2_000, g), torch.zeros(2_000, 0), tasks.allowed(task), g)
    assert (action < task["arms"]).all()
