import numpy as np
import pytest
import torch

import innerloop as il

SHORT = {"meta_batch": 2, "validation_episodes": 4, "steps": 3, "progress": False}


def small_net():
    return torch.nn.Linear(1, 1)


def sines(out=None, model=None, **settings):
    model = il.models.mlp(1, 1, hidden=4, layers=1) if model is None else model
    learner = il.maml(model, inner_lr=0.01, **settings)
    return il.train(learner, il.tasks.sinusoids(), out=out, **SHORT)


@pytest.fixture(scope="module")
def digits():
    learner = il.protonet(il.models.mlp(784, None, hidden=8))
    return il.train(learner, il.tasks.digits(), **SHORT)


@pytest.fixture(scope="module")
def points():
    """Two clouds of images like those of the digits."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(6, 1, 28, 28, generator=generator)
    noise[3:, :, :14] += 5
    return noise


def test_a_loaded_run_predicts_the_same(tmp_path):
    run = sines(tmp_path / "run")
    loaded = il.load(tmp_path / "run")
    x, y = torch.linspace(-3, 3, 10)[:, None], torch.linspace(-1, 1, 10)
    assert torch.equal(run.adapt(x, y).predict(x), loaded.adapt(x, y).predict(x))
    for name in ("kind", "verdict", "steps", "history", "seconds", "validation", "result"):
        assert getattr(loaded, name) == getattr(run, name)
    assert str(loaded) == str(run)
    assert loaded.tasks.train.shots == 10
    assert list(loaded.last.params) == list(run.last.params)


def test_settings_can_be_changed_when_loading(tmp_path):
    sines(tmp_path / "run")
    assert il.load(tmp_path / "run", inner_steps=10).learner.spec.settings["inner_steps"] == 10


def test_a_module_of_ones_own_is_asked_for_and_checked(tmp_path):
    sines(tmp_path / "run", torch.nn.Sequential(torch.nn.Linear(1, 1)))
    with pytest.raises(il.InputError, match=r"is a Module of your own.*load\(path, model=...\)"):
        il.load(tmp_path / "run")
    with pytest.raises(il.InputError, match=r"does not fit.*weight is absent there and \(1, 1\)"):
        il.load(tmp_path / "run", small_net())
    net = torch.nn.Sequential(torch.nn.Linear(1, 1))
    assert il.load(tmp_path / "run", net).steps == 3


def test_a_function_that_can_be_imported_is_found_again(tmp_path):
    sines(tmp_path / "run", small_net)
    loaded = il.load(tmp_path / "run")
    assert loaded.settings["model"] == {"name": f"{__name__}:small_net"}
    assert list(loaded.meta.params) == ["weight", "bias"]


def test_a_killed_run_can_be_loaded(tmp_path):
    run = sines(tmp_path / "run")
    (tmp_path / "run" / "meta.safetensors").unlink()
    loaded = il.load(tmp_path / "run")
    assert torch.equal(loaded.meta.params["1.weight"], run.meta.params["1.weight"])


def test_what_is_no_run_folder_is_said(tmp_path):
    with pytest.raises(il.InputError, match=r"is not a run folder: it has no settings.json"):
        il.load(tmp_path)


@pytest.mark.parametrize(
    "labels",
    [["no", "no", "no", "yes", "yes", "yes"], [7, 7, 7, -3, -3, -3], [True] * 3 + [False] * 3],
)
def test_labels_of_any_type_come_back(digits, points, labels):
    adapted = digits.adapt(points.numpy(), labels)
    answers = adapted.predict(points.numpy())
    assert isinstance(answers, np.ndarray)
    assert answers.tolist() == labels
    chances = adapted.predict_proba(points.numpy())
    assert chances.shape == (6, 2)
    assert np.allclose(chances.sum(1), 1)
    assert [adapted.classes[n] for n in chances.argmax(1)] == labels


def test_tensors_in_tensors_out(digits, points):
    adapted = digits.adapt(points, torch.tensor([4, 4, 4, 2, 2, 2]))
    assert adapted.predict(points).tolist() == [4, 4, 4, 2, 2, 2]
    assert isinstance(adapted.predict(points), torch.Tensor)
    assert isinstance(adapted.predict_proba(points), torch.Tensor)
    named = digits.adapt(points, list("aaabbb"))
    assert isinstance(named.predict(points), np.ndarray)


def test_a_class_is_added_later_and_the_old_task_stays(digits, points):
    adapted = digits.adapt(points[:3], ["b"] * 3)
    grown = adapted.update(points[3:], ["a"] * 3)
    assert adapted.classes.tolist() == ["b"]
    assert grown.classes.tolist() == ["b", "a"]
    assert grown.predict(points).tolist() == ["b"] * 3 + ["a"] * 3


def test_regression_answers_have_the_shape_of_the_targets():
    run = sines()
    x = np.linspace(-3, 3, 10)[:, None]
    assert run.adapt(x, x[:, 0]).predict(x).shape == (10,)
    assert run.adapt(x, x).predict(x).shape == (10, 1)
    assert run.adapt(x, [1] * 10).predict(x).dtype == np.float32


def test_misused_tasks_say_how(digits, points):
    run = sines()
    x = np.linspace(-3, 3, 10)[:, None]
    with pytest.raises(il.InputError, match="predict_proba is for classification"):
        run.adapt(x, x).predict_proba(x)
    with pytest.raises(il.InputError, match=r"for one input pass x\[None\]"):
        run.adapt(x, x).predict(x[0])
    with pytest.raises(il.InputError, match="y must hold one label per row"):
        digits.adapt(points, [[1, 2]] * 3)


def test_a_run_reads_as_sentences():
    text = str(sines())
    assert text.startswith("maml, 3 steps in ")
    assert "The budget of steps is used up." in text


def test_a_learner_with_a_prior_answers_before_the_first_example():
    settings = {"meta_batch": 2, "validation_episodes": 4, "steps": 2, "progress": False}
    run = il.train(il.tnp(width=8, layers=1, heads=2), il.tasks.sinusoids(), **settings)
    x = np.linspace(-3, 3, 10)[:, None]
    task = run.adapt(np.zeros((0, 1)), [])
    assert task.predict(x).shape == task.predict_std(x).shape == (10,)
    grown, whole = task.update(x[:4], x[:4, 0]), run.adapt(x[:4], x[:4, 0])
    np.testing.assert_allclose(grown.predict(x), whole.predict(x), rtol=1e-5)
    with pytest.raises(il.InputError, match=r"at least one|empty|got none"):
        sines().adapt(np.zeros((0, 1)), [])
