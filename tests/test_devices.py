"""Tensors lie together: no machine with an accelerator is needed to see that none is left behind."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from typer.testing import CliRunner

import innerloop as il
from innerloop import devices
from innerloop.adapted import load_adapted
from innerloop.cli.app import app
from innerloop.devices import CPU, device_of, place_of, to_device
from innerloop.evaluation.adaptation import answers
from innerloop.outer.paths import by_loop, by_vmap
from innerloop.tree import tree_leaves

sys.path.insert(0, str(Path(__file__).parent / "laws"))

from law_cases import case, cases

META = torch.device("meta")
CROSSING = {"aten._to_copy.default", "aten.copy_.default", "aten.index.Tensor"}


def sides(args, kwargs, side):
    """On which sides an operation's tensors lie; single numbers may come from anywhere."""
    leaves = tree_leaves((args, kwargs or {}))
    tensors = [x for x in leaves if isinstance(x, torch.Tensor) and x.dim() and x.numel()]
    return {side(x) for x in tensors} - {None}


class OneDevice(TorchDispatchMode):
    """Refuses what "meta" lets pass: a product of tensors on two devices."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = sides(args, kwargs, lambda x: x.device.type)
        assert len(found) < 2 or str(func) in CROSSING, f"{func} mixes {found}"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("which", cases(), ids="-".join)
def test_what_a_learner_makes_lies_where_its_meta_parameters_do(which):
    learner, meta, episodes = case(*which)
    meta, episodes = to_device(meta, META), to_device(episodes, META)
    with OneDevice():
        found = [path(learner.method, meta, episodes) for path in (by_loop, by_vmap)]
        fast = learner.adapt(meta, episodes[0].support)
        found += [fast, learner.predict(meta, fast, episodes[0].query.x)]
        for path in ("loop", "vmap"):
            found.append(answers(learner, meta, episodes, path, seed=0, numbers=[0, 1, 2])[0])
        if learner.can_observe:
            found.append(learner.observe(meta, fast, episodes[0].query))
    assert {leaf.device for leaf in tree_leaves(found) if leaf.dim()} == {META}


class Elsewhere(TorchDispatchMode):
    """A second device that is only said to be one: what was moved there, and all that is reckoned
    from it, must not meet what was not. Numbers out of nothing (zeros, arange) may meet either."""

    def __init__(self):
        super().__init__()
        self.there, self.neutral, self.kept = set(), set(), []

    def side(self, tensor):
        at = tensor.untyped_storage().data_ptr()
        return None if at in self.neutral else at in self.there

    def mark(self, tree, places):
        for leaf in tree_leaves(tree):
            if isinstance(leaf, torch.Tensor) and leaf.numel():
                self.kept.append(leaf)  # so that its place is not given to another
                places.add(leaf.untyped_storage().data_ptr())

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        leaves = tree_leaves((args, kwargs or {}))
        given = [x for x in leaves if isinstance(x, torch.Tensor) and x.numel()]
        found = sides(args, kwargs, self.side)
        assert len(found) < 2 or str(func) in CROSSING, f"{func} mixes devices"
        made = func(*args, **(kwargs or {}))
        if any(self.side(x) for x in given):
            self.mark(made, self.there)
        elif all(self.side(x) is None for x in given):
            self.mark(made, self.neutral)
        return made

    def move(self, tree, device):
        if device == CPU:
            return devices.tree_map(self.home, tree)
        copied = devices.tree_map(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, tree)
        self.mark(copied, self.there)
        return copied

    def home(self, leaf):
        if not isinstance(leaf, torch.Tensor) or not self.side(leaf):
            return leaf
        return torch.tensor(leaf.tolist(), dtype=leaf.dtype)


@pytest.fixture
def elsewhere(monkeypatch):
    mode, far = Elsewhere(), torch.device("cuda", 7)
    at = lambda tree: far if any(mode.side(x) for x in tree_leaves(tree) if x.numel()) else CPU  # noqa: E731
    for name, module in list(sys.modules.items()):
        if name.startswith("innerloop."):
            for found, double in (("to_device", mode.move), ("place_of", at)):
                if hasattr(module, found):
                    monkeypatch.setattr(module, found, double)
            if hasattr(module, "device_of"):
                monkeypatch.setattr(module, "device_of", lambda n: far if n else CPU)
            if hasattr(module, "finished"):
                monkeypatch.setattr(module, "finished", lambda device: None)
    return mode


@pytest.mark.parametrize("name", ["maml", "protonet"])
def test_training_and_evaluation_follow_the_device(elsewhere, name):
    torch.manual_seed(0)
    tasks = il.tasks.digits(ways=3, shots=2, queries=2, size=16)
    net = il.models.conv4(3 if name == "maml" else None, size=16, width=4)
    learner = getattr(il, name)(net)
    with elsewhere:
        how = {"meta_batch": 2, "validation_episodes": 3, "progress": False}
        run = il.train(learner, tasks, steps=2, device="cuda:7", clip=1.0, ema=0.5, **how)
        assert all(elsewhere.side(p) for p in run.meta.params.values())
        scores = il.evaluate(run, tasks.test, episodes=3)
    assert 0 <= scores.mean <= 1
    assert set(scores.baselines) == {"from scratch", "nearest neighbour", "nearest centroid"}


def test_the_device_of_a_run_is_no_setting_of_it(tmp_path):
    learner = il.maml(il.models.mlp(1, 1, hidden=8), inner_lr=0.01)
    how = {"steps": 3, "meta_batch": 2, "validation_episodes": 3, "progress": False}
    runs = [
        il.train(learner, il.tasks.sinusoids(), out=tmp_path / str(d), device=d, **how)
        for d in (None, "cpu")
    ]
    one, other = (r.meta.params for r in runs)
    assert all(torch.equal(one[n], other[n]) for n in one)
    assert runs[0].settings == runs[1].settings
    x = torch.randn(5, 1)
    task = runs[0].adapt(x, x, device="cpu")
    task.save(tmp_path / "task")
    again = load_adapted(tmp_path / "task", device="cpu")
    torch.testing.assert_close(again.predict(x), task.predict(x))
    assert place_of(il.load(tmp_path / "cpu", device="cpu").meta) == CPU


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "meta", "", 7.5])
def test_a_device_that_is_not_here_is_one_sentence(name):
    with pytest.raises(il.InputError, match=r"device must be one that this machine has \(cpu.*got"):
        device_of(name)


def test_on_the_command_line_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def innerloop(*words):
        return CliRunner().invoke(app, [*words, "--json"])

    bad = ["--device", "cuda:99"]
    few = ["--steps", "2", "--meta-batch", "2"]
    done = innerloop("train", "sinusoids", "--algorithm", "maml", "--out", "run", *few, *bad)
    assert done.exit_code == 2
    assert "device must be one that this machine has" in json.loads(done.stdout)["error"]
    assert not (tmp_path / "run").exists()
    done = innerloop("train", "digits", "--model", "mlp", "--out", "run", *few, "--device", "cpu")
    assert done.exit_code == 0
    il.load("run").adapt(torch.rand(4, 1, 28, 28), list("abab")).save("task", standalone=True)
    for words in (
        ("evaluate", "run", "--episodes", "3"),
        ("adapt", "run", "--support", "x.npz", "--out", "new.task"),
        ("predict", "task", "x.npz"),
    ):
        done = innerloop(*words, *bad)
        assert (done.exit_code, "device must be one" in done.stdout) == (2, True), words
    assert not (tmp_path / "new.task").exists()
