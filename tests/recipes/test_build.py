"""A learner that fits both the tasks and the algorithm."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from innerloop.algorithms import ALGORITHMS
from innerloop.errors import InputError
from innerloop.recipes import learner_for, recipe_for
from innerloop.tasks import digits, sinusoids


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_fits_images(name: str) -> None:
    tasks = digits(ways=3, shots=2, queries=2)
    learner = learner_for(tasks, name)
    meta = learner.init(torch.Generator().manual_seed(0))
    episode = tasks.test.sample()[0]
    outputs = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
    assert outputs.shape == (6, 3)


@pytest.mark.parametrize(
    "name", sorted(set(ALGORITHMS) - {"protonet", "baseline_pp", "nearest_centroid"})
)
def test_every_algorithm_that_regresses_fits_functions(name: str) -> None:
    tasks = sinusoids(shots=4)
    learner = learner_for(tasks, name)
    meta = learner.init(torch.Generator().manual_seed(0))
    episode = tasks.test.sample()[0]
    outputs = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
    assert outputs.shape == episode.query.y.shape


def test_what_is_asked_for_overrides_the_recipe() -> None:
    assert recipe_for("glyphs", "maml").settings["inner_lr"] == 0.4
    assert recipe_for("sinusoids", "maml").settings == {}
    tasks = digits(ways=2)
    assert learner_for(tasks, "maml", inner_lr=0.1).spec.settings["inner_lr"] == 0.1


def test_a_model_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n\ndef net():\n    return torch.nn.Sequential(torch.nn.Linear(1, 1))\n"
    )
    monkeypatch.chdir(tmp_path)
    learner = learner_for(sinusoids(), "maml", model="mine:net")
    assert learner.init().params.keys() == {"0.weight", "0.bias"}
    with pytest.raises(InputError, match=r"--model mine:other cannot be imported"):
        learner_for(sinusoids(), "maml", model="mine:other")


def test_a_misspelt_model_is_named() -> None:
    with pytest.raises(InputError, match=r"did you mean conv4\?"):
        learner_for(digits(), "maml", model="conv")
