"""What one sees of a trial."""

import pytest

from innerloop.errors import InputError
from innerloop.reinforcement import bandits, dark_room, gridnavi, rl2, tabular_mdps, train
from innerloop.report.trials import film, watch


def run_in(tasks):
    return train(rl2(tasks, hidden=4), steps=1, meta_batch=4, validation_tasks=2, progress=False)


@pytest.mark.parametrize("make", [gridnavi, dark_room, bandits, tabular_mdps])
def test_a_trial_is_told(make):
    run = run_in(make(trial_episodes=3))
    seen = watch(run, seed=2)
    told = str(seen)
    assert f"{seen.returns[0]:.2f}" in told
    assert str(watch(run, seed=2)) == told
    assert len(seen.to_json()["actions"]) == run.learner.tasks.steps


def test_pictures(tmp_path):
    seen = watch(run_in(gridnavi(horizon=4)))
    assert film(seen, tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert film(seen, tmp_path / "a.gif").read_bytes()[:3] == b"GIF"
    for path in (tmp_path / "a.txt", tmp_path / "nowhere" / "a.gif"):
        with pytest.raises(InputError):
            film(seen, path)
    with pytest.raises(InputError, match="cannot be drawn"):
        film(watch(run_in(bandits())), tmp_path / "b.png")
