"""Whatever is passed to whatever a user calls: it is done, or one sentence says why not."""

from __future__ import annotations

import inspect
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene import is_chinese, is_one_sentence

import innerloop as il
from innerloop.sklearn import FewShotClassifier

NUMBERS = st.one_of(
    st.integers(-3, 6),
    st.sampled_from([0.5, -1.0, float("nan"), float("inf"), -float("inf"), 10**30, 1j]),
)
WORDS = st.sampled_from(
    ["", " ", "adam", "euclidean", "head", "group", "train", "é", "None", "a.*"]
)
THINGS = st.sampled_from(
    [
        *(None, True, False, [], {}, (), [1, 2], (1, 2), (2, 1), {"a": 1}, [None], b"x", object()),
        *(int, print, Path("nowhere"), np.float32(0.5), np.int64(2), np.zeros(3), np.zeros((4, 2))),
        *(
            torch.zeros(()),
            torch.zeros(4, 1),
            torch.nn.Linear(1, 1),
            torch.nn.Identity(),
            il,
            {1: 2},
        ),
        *(pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([1]), il.losses.mse, il.truncated(1)),
    ]
)
VALUES = st.one_of(NUMBERS, WORDS, THINGS)
MANY = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))

EXAMPLES = il.Examples(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1))
CALLS: dict[str, tuple[Any, dict[str, Any]]] = {
    **{f.__name__: (f, {}) for f in (il.tasks.sinusoids, il.tasks.digits, il.tasks.arrays)},
    **{f.__name__: (f, {}) for f in (il.tasks.function, il.tasks.dataset, il.tasks.images)},
    **{f.__name__: (f, {}) for f in (il.tasks.gaussian_processes, il.tasks.mixture)},
    **{f.__name__: (f, {}) for f in (il.tasks.linear_regression, il.tasks.completion)},
    "table": (il.tasks.table, {"source": None, "task": "a", "target": "a"}),
    **{name: (f, {"model": torch.nn.Linear(1, 1)}) for name, f in il.ALGORITHMS.items()},
    **{name: (f, {}) for name, f in il.models.MODELS.items()},
    **{f.__name__: (f, {}) for f in (il.load, il.load_adapted, il.truncated)},
    **{f.__name__: (f, {}) for f in (il.evaluate, il.compare)},
    "Examples": (il.Examples, {"x": torch.zeros(3, 1), "y": torch.zeros(3)}),
    "Episodes": (il.Episodes, {"support": EXAMPLES, "query": EXAMPLES}),
}


def told(call: Any, *args: Any, **how: Any) -> Any:
    """What the call returns, or None after a sentence."""
    try:
        return call(*args, **how)
    except il.InnerloopError as error:
        assert is_one_sentence(error.en), error.en  # noqa: PT017
        assert is_chinese(error.zh), error.zh  # noqa: PT017
    return None


@MANY
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
@given(data=st.data())
def test_a_public_call(name: str, data: st.DataObject) -> None:
    call, given_ = CALLS[name]
    names = [n for n in inspect.signature(call).parameters if n not in ("where", "settings")]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    told(call, **{**given_, **{n: data.draw(VALUES, label=n) for n in chosen}})


@pytest.fixture(scope="module")
def run() -> il.Run:
    learner = il.maml(il.models.mlp(1, 1, hidden=4), inner_lr=0.01)
    few = {"steps": 1, "meta_batch": 1, "validation_episodes": 2, "progress": False}
    return il.train(learner, il.tasks.sinusoids(), **few)


SETTINGS = [n for n in inspect.signature(il.train).parameters if n not in ("learner", "tasks")]


@MANY
@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
def test_train(run: il.Run, data: st.DataObject, tmp_path: Path) -> None:
    chosen = data.draw(st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=2, unique=True))
    few = {"steps": 1, "meta_batch": 1, "validation_episodes": 2, "progress": False}
    how = {n: data.draw(VALUES.filter(is_quick), label=n) for n in chosen}
    if how.get("out") is not None:
        how["out"] = how["out"] if not isinstance(how["out"], str | Path) else tmp_path / "run"
    told(il.train, run.learner, run.tasks, **{**few, **how})


def is_quick(value: Any) -> bool:
    return not (isinstance(value, int | float) and abs(value) > 9)


@MANY
@pytest.mark.filterwarnings("ignore")
@given(x=VALUES, y=VALUES, further=VALUES)
def test_adapt_predict_update_and_fit(run: il.Run, x: Any, y: Any, further: Any) -> None:
    task = run.adapt([[0.0], [1.0]], [[0.0], [1.0]])
    for made in (task, told(run.adapt, x, y, orders=None)):
        if made is not None:
            told(made.predict, further)
            told(made.update, further, y)
    told(run.adapt, [[0.0], [1.0]], y)
    with suppress(ValueError, TypeError, AttributeError):  # scikit-learn's own
        FewShotClassifier().fit(x, y)
