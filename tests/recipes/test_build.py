"""A learner that fits both the tasks and the algorithm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from innerloop.algorithms import ALGORITHMS
from innerloop.errors import InputError
from innerloop.evaluation.judging import likelihood_for
from innerloop.recipes import learner_for, recipe_for
from innerloop.tasks import Tasks, digits, sinusoids


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_fits_images(name: str) -> None:
    tasks = digits(ways=3, shots=2, queries=2)
    learner = learner_for(tasks, name)
    meta = learner.init(torch.Generator().manual_seed(0))
    episode = tasks.test.sample()[0]
    outputs = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
    assert outputs.shape == (6, 3)


@pytest.mark.parametrize(
    "name",
    sorted(
        set(ALGORITHMS)
        - {"protonet", "baseline_pp", "nearest_centroid", "prior_fitted", "semantic", "logistic"}
    ),
)
def test_every_algorithm_that_regresses_fits_functions(name: str) -> None:
    tasks = sinusoids(shots=4)
    learner = learner_for(tasks, name)
    meta = learner.init(torch.Generator().manual_seed(0))
    episode = tasks.test.sample()[0]
    outputs = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
    answers = likelihood_for(learner, episode.query).answer(outputs)
    assert answers.shape == episode.query.y.shape


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
    with pytest.raises(InputError, match=r"model mine:other cannot be imported"):
        learner_for(sinusoids(), "maml", model="mine:other")


def test_a_misspelt_model_is_named() -> None:
    with pytest.raises(InputError, match=r"did you mean conv4\?"):
        learner_for(digits(), "maml", model="conv")


def sequences() -> Tasks:
    return replace(sinusoids(), name="waves", input_shape=(12, 3), targets=2)


@pytest.mark.parametrize("name", ["transformer", "recurrent"])
def test_a_sequence_s_features_are_the_model_s_inputs(name: str) -> None:
    learner = learner_for(sequences(), "maml", model=name)
    assert learner.spec.model.spec.settings["inputs"] == 3
    assert learner.spec.model(torch.zeros(4, 12, 3)).shape == (4, 2)
    with pytest.raises(InputError, match=rf"{name} takes sequences .* use model mlp"):
        learner_for(sinusoids(), "maml", model=name)


def test_images_have_three_networks() -> None:
    tasks = digits()
    for name in ("conv4", "resnet6", "resnet12"):
        learner = learner_for(tasks, "maml", model=name)
        settings = learner.spec.model.spec.settings
        assert (settings["channels"], settings["size"]) == (1, 28)
