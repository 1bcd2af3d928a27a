"""A network of the user's own, on sequences of his own: trained, kept, and loaded again."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import innerloop as il
from innerloop.cli.app import app
from innerloop.episodes import Draws, Stream
from innerloop.tasks import Tasks

MINE = """
import torch
from torch import nn

class Classifier(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.lstm = nn.LSTM(2, width, batch_first=True)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        h0 = torch.zeros(self.lstm.num_layers, len(x), self.lstm.hidden_size)
        outputs, _ = self.lstm(x, (h0, h0))
        return self.out(outputs[:, -1])

def classifier():
    return Classifier()
"""

WAVES = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(1, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.gru(x[:, None])[1][-1])
"""


@dataclass(frozen=True, kw_only=True)
class Turning(Stream):
    """x (length, 2) goes round, one way or the other, at the speed of the task."""

    def draw(self, draws: Draws) -> il.Episodes:
        numbers = torch.from_numpy(np.asarray(draws.unit(64), dtype=np.float32))  # (T, 64)
        speed = 0.3 + numbers[:, :1]
        sides = []
        for each, at in ((self.shots, 1), (self.queries, 32)):
            y = torch.arange(2).repeat_interleave(each).repeat(len(numbers), 1)  # (T, 2 each)
            phase = 6 * numbers[:, at : at + 2 * each]
            angle = ((2 * y - 1) * speed)[..., None] * torch.arange(5) + phase[..., None]
            sides.append(il.Examples(torch.stack([angle.cos(), angle.sin()], -1), y, ways=2))
        return il.Episodes(*sides)


@pytest.fixture
def tasks():
    streams = [Turning(name=n, shots=3, queries=5, ways=2) for n in ("train", "validation", "test")]
    return Tasks("turning", "classification", *streams, input_shape=(5, 2))


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "my_model.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_model")
    monkeypatch.delitem(importlib.import_module("sys").modules, "my_model")


def short(learner, tasks, **settings):
    return il.train(learner, tasks, steps=12, meta_batch=8, validation_episodes=10, **settings)


def test_a_function_that_makes_it_is_found_again_by_name(mine, tasks, tmp_path):
    learner = il.maml(mine.classifier, inner_lr=0.5, inner_steps=2)
    run = short(learner, tasks, lr=0.02, out=tmp_path / "run")
    assert run.learner.path == "vmap"
    again = il.load(tmp_path / "run")
    assert isinstance(again.learner.method.network.module, mine.Classifier)
    episode = tasks.test.sample(seed=3)[0]
    answers = [
        r.adapt(episode.support.x, episode.support.y).predict_proba(episode.query.x)
        for r in (run, again)
    ]
    np.testing.assert_array_equal(*map(np.asarray, answers))


def test_a_module_itself_must_be_passed_again(mine, tasks, tmp_path):
    run = short(il.anil(mine.Classifier(), inner_lr=0.5), tasks, out=tmp_path / "run")
    with pytest.raises(il.InputError, match=r"Module of your own.*load\(path, model=\.\.\.\)"):
        il.load(tmp_path / "run")
    again = il.load(tmp_path / "run", model=mine.Classifier())
    assert all((again.meta.params[n] == p).all() for n, p in run.meta.params.items())
    assert sorted(again.learner.method.moving()) == ["out.bias", "out.weight"]
    with pytest.raises(
        il.InputError, match=r"the model does not fit the run .* lstm\.weight_ih_l0"
    ):
        il.load(tmp_path / "run", model=mine.Classifier(width=4))


def test_what_is_frozen_is_kept_with_the_run(mine, tasks, tmp_path):
    net = mine.Classifier()
    net.lstm.requires_grad_(False)
    before = {n: p.clone() for n, p in net.named_parameters()}
    run = short(il.maml(net, inner_lr=0.5), tasks, lr=0.05, out=tmp_path / "run")
    assert list(run.meta.params) == ["out.weight", "out.bias"]
    assert all((run.meta.state[n] == p).all() for n, p in before.items() if n.startswith("lstm"))
    assert (run.meta.params["out.weight"] != before["out.weight"]).any()
    other = mine.Classifier()
    other.lstm.requires_grad_(False)
    again = il.load(tmp_path / "run", model=other)
    assert all((again.meta.state[n] == p).all() for n, p in before.items() if n.startswith("lstm"))
    with pytest.raises(il.InputError, match="the model does not fit the run"):
        il.load(tmp_path / "run", model=mine.Classifier())


def test_the_command_line_trains_and_judges_it(mine, tmp_path):
    def run(*arguments):
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        assert done.exit_code == 0, done.output
        return done

    (tmp_path / "my_waves.py").write_text(WAVES)
    few = ("--steps", 3, "--meta-batch", 2, "--inner-optimiser", "adam", "--moves", "out.*")
    run("train", "sinusoids", "--algorithm", "maml", "--model", "my_waves:Net", *few, "--out", "r")
    settings = json.loads((tmp_path / "r" / "settings.json").read_text())
    assert settings["model"] == {"name": "my_waves:Net"}
    assert settings["settings"]["moves"] == "out.*"
    judged = json.loads(run("evaluate", "r", "--episodes", 3, "--json").stdout)
    assert judged["metric"] == "mse"
