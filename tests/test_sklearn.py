"""scikit-learn's own demands on an estimator, and its tools around ours."""

from __future__ import annotations

import copy
import io

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import innerloop as il
from innerloop.sklearn import FewShotClassifier, FewShotRegressor


@parametrize_with_checks([FewShotClassifier(), FewShotRegressor()])
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


def run_on(kind: str, model: torch.nn.Module) -> il.Run:
    learner = il.maml(model, inner_lr=0.1, inner_steps=5)
    return il.Run(learner, learner.init(torch.Generator().manual_seed(0)), kind, None, 0)


def test_few_examples_are_enough():
    x, y = load_wine(return_X_y=True)
    few = np.concatenate([np.flatnonzero(y == c)[:5] for c in range(3)])
    rest = np.setdiff1d(np.arange(len(y)), few)
    assert FewShotClassifier().fit(x[few], y[few]).score(x[rest], y[rest]) > 0.85
    x, y = load_diabetes(return_X_y=True)
    assert FewShotRegressor().fit(x[:100], y[:100]).score(x[100:], y[100:]) > 0.4


def test_pipelines_searches_and_validation():
    x, y = load_wine(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), FewShotClassifier())
    assert cross_val_score(pipe, x, y, cv=3).mean() > 0.9
    search = GridSearchCV(FewShotClassifier(), {"strength": [1e-3, 10.0]}, cv=3).fit(x[::5], y[::5])
    assert search.best_params_["strength"] in (1e-3, 10.0)
    x, y = load_diabetes(return_X_y=True)
    search = GridSearchCV(FewShotRegressor(), {"strength": [1.0, 1e9]}, cv=3).fit(x, y)
    assert search.best_params_["strength"] == 1.0
    assert FewShotRegressor().fit(x, np.stack([y, -y], 1)).predict(x[:3]).shape == (3, 2)


def revived(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("own", [False, True])
def test_a_run_is_a_parameter_cloned_and_pickled(own):
    model = torch.nn.Linear(3, 2) if own else il.models.mlp(3, 2, hidden=4)
    run = run_on("classification", model)
    x, y = np.random.default_rng(0).normal(size=(6, 3)), list("ababab")
    first = FewShotClassifier(run, orders=2)
    assert clone(first).run is copy.deepcopy(run) is run
    fitted = clone(first).fit(x, y)
    again = revived(fitted)
    assert np.array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert np.array_equal(again.fit(x, y).predict_proba(x), fitted.predict_proba(x))
    assert again.classes_.tolist() == ["a", "b"]


def test_a_run_on_tables_takes_frames_as_they_are(tmp_path):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "shop": np.repeat([f"s{n}" for n in range(12)], 8),
            "size": rng.normal(size=96),
            "kind": rng.choice(["a", "b"], 96),
            "sold": rng.normal(50, 9, 96),
        }
    )
    tasks = il.tasks.table(frame, task="shop", target="sold", shots=4, queries=3)
    learner = il.ridge(il.models.mlp(tasks.input_shape[0], None, hidden=8))
    il.train(learner, tasks, steps=2, out=tmp_path / "run", progress=False, validation_episodes=2)
    x, y = frame[["size", "kind"]][:8], frame["sold"][:8]
    fitted = FewShotRegressor(tmp_path / "run").fit(x, y)
    assert 20 < fitted.predict(x).mean() < 80
    assert np.allclose(revived(fitted).predict(x), fitted.predict(x), atol=1e-3)
    assert fitted.predict([{"size": None, "kind": "c"}]).shape == (1,)


def test_a_run_in_a_folder_and_images_of_any_shape(tmp_path):
    learner = il.protonet(il.models.mlp(784, None, hidden=8))
    il.train(learner, il.tasks.digits(), steps=1, out=tmp_path / "run", progress=False)
    x = np.random.default_rng(0).random((4, 1, 28, 28))
    for run in (tmp_path / "run", il.load(tmp_path / "run")):
        fitted = FewShotClassifier(run).fit(x, [3, 3, 7, 7])
        assert revived(fitted).predict(x).tolist() == fitted.predict(x).tolist()
    with pytest.raises(il.InputError, match="needs a run on regression tasks"):
        FewShotRegressor(tmp_path / "run").fit(x[:, 0, 0], [1.0, 2.0, 3.0, 4.0])
