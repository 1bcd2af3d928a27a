"""What is called wrongly from Python: one line each."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scene import is_one_sentence, make, numbers, refused
from sklearn.model_selection import cross_val_score
from torch import nn

import innerloop as il
from innerloop.errors import MissingExtra
from innerloop.export import onnx, program
from innerloop.sklearn import FewShotClassifier, FewShotRegressor
from innerloop.training.files import CannotWrite

Call = Callable[[Path], Any]
NAN, INF = float("nan"), float("inf")


def net() -> nn.Module:
    return il.models.mlp(1, 1, hidden=4)


def sine(**settings: Any) -> il.Learner:
    return il.maml(net(), **settings)


def train(_: Path = Path(), learner: Any = None, tasks: Any = None, **how: Any) -> Any:
    few = {"steps": 1, "meta_batch": 1, "validation_episodes": 2, "progress": False, **how}
    learner = sine() if learner is None else learner
    return il.train(learner, il.tasks.sinusoids() if tasks is None else tasks, **few)


def adapted(here: Path) -> il.Adapted:
    return il.load_adapted(here / "task")


def examples(*shape: int, y: Any = None) -> il.Examples:
    return il.Examples(numbers(*shape), numbers(*shape[:-1], 1) if y is None else y)


def own(support: il.Examples, query: il.Examples | None = None) -> il.Episodes:
    return il.Episodes(support=support, query=query or support)


def gradient(episodes: Any, learner: il.Learner | None = None) -> Any:
    learner = learner or sine()
    return learner.gradient(learner.init(), episodes)


def frame(**columns: Any) -> pd.DataFrame:
    usual = {"shop": list("aabbccdd") * 3, "size": np.arange(24.0), "sold": np.arange(24.0) / 7}
    return pd.DataFrame({**usual, **columns})


def table(source: Any = None, **how: Any) -> Any:
    given = {"task": "shop", "target": "sold", "shots": 1, "queries": 1, **how}
    return il.tasks.table(frame() if source is None else source, **given)


def arrays(x: Any = None, y: Any = None, *groups: Any, **how: Any) -> Any:
    x = np.zeros((60, 2)) if x is None else x
    return il.tasks.arrays(x, np.repeat(np.arange(12), 5) if y is None else y, *groups, **how)


def images(here: Path, folder: str = "photos", **how: Any) -> Any:
    return il.tasks.images(here / folder, **{"size": 8, **how})


def fitted() -> FewShotClassifier:
    return FewShotClassifier().fit([[0.0], [1.0]], ["a", "b"])


LABELS = ["a", "b"] * 4
X = np.linspace(-1, 1, 8)[:, None]

LEARNERS: list[tuple[Call, str]] = [
    (lambda _: sine(inner_lr=NAN), "inner_lr must be a finite number, got nan"),
    (lambda _: sine(inner_lr=INF), "inner_lr must be a finite number"),
    (lambda _: sine(inner_lr=-1), "inner_lr"),
    (lambda _: sine(inner_lr="fast"), "inner_lr must be"),
    (lambda _: sine(inner_steps=-1), "inner_steps"),
    (lambda _: sine(inner_steps=1.5), "inner_steps must be a whole number"),
    (lambda _: sine(inner_steps=True), "inner_steps must be a whole number"),
    (lambda _: sine(inner_step=1), "did you mean inner_steps?"),
    (lambda _: sine(through=3), "through must be a function"),
    (lambda _: sine(moves="nothing.*"), "nothing.*"),
    (lambda _: sine(transductive="yes"), "transductive must be True or False"),
    (lambda _: sine(inner_optimiser="adma"), "adma"),
    (lambda _: sine(inner_optimiser=0), "got 0"),
    (lambda _: sine(inner_optimiser=il.rules.Adam), "il.rules.Adam()"),
    (lambda _: sine(inner_clip=0), "inner_clip"),
    (lambda _: il.maml(net(), "mse"), "loss must be"),
    (lambda _: il.maml(), "maml cannot be called so"),
    (lambda _: il.maml(None), "model"),
    (lambda _: il.maml(3), "model"),
    (lambda _: il.maml(lambda: 3), "got int"),
    (lambda _: il.maml(nn.LazyLinear(1)), "Lazy"),
    (lambda _: il.maml(net(), il.losses.mse, 0.1), "maml cannot be called so"),
    (lambda _: il.fomaml(net(), through=il.first_order), "through"),
    (lambda _: il.meta_sgd(net(), inner_lr=-0.1), "inner_lr"),
    (lambda _: il.protonet(net(), distance="far"), "distance must be one of"),
    (lambda _: il.protonet(net(), distence="cosine"), "did you mean distance?"),
    (lambda _: il.protonet(None), "model"),
    (lambda _: il.ridge(net(), strength=-1), "strength"),
    (lambda _: il.ridge(net(), strength=NAN), "strength must be a finite number, got nan"),
    (lambda _: il.finetune(net(), inner_steps=-1), "inner_steps"),
    (lambda _: il.finetune(net(), classes=0), "classes"),
    (lambda _: il.finetune(net(), classes="five"), "classes"),
    (lambda _: il.baseline_pp(net(), classes=-2), "classes"),
    (lambda _: il.scratch(net(), inner_steps=-1), "inner_steps"),
    (lambda _: il.nearest_neighbour(neighbours=0), "neighbours"),
    (lambda _: il.nearest_centroid(distance="far"), "distance"),
    (lambda _: il.nearest_centroid(pd.DataFrame({"a": [1.0]})), "got DataFrame"),
    (lambda _: il.nearest_neighbour(False), "got bool"),
    (lambda _: sine().replace(inner_stepz=3), "did you mean inner_steps?"),
    (lambda _: il.truncated(0), "0"),
    (lambda _: il.models.conv4(outputs=0), "outputs"),
    (lambda _: il.models.conv4(size=3), "3"),
    (lambda _: il.models.mlp(0), "0"),
    (lambda _: il.models.mlp(1, 1, hiden=3), "did you mean hidden?"),
    (lambda _: il.models.mlp(1, 1, hidden="wide"), "hidden"),
    (lambda _: il.models.resnet12(outputs=-1), "outputs"),
]

EPISODES: list[tuple[Call, str]] = [
    (lambda _: il.Examples(torch.zeros(3, 1), [1, 2, 3]), "y must be a tensor"),
    (lambda _: il.Examples([[1.0]], torch.zeros(1)), "got float"),
    (lambda _: il.Examples(torch.zeros(3, 1), torch.zeros(2)), "x has 3 rows, y has 2"),
    (lambda _: il.Examples(torch.tensor(1.0), torch.zeros(2)), "a single number"),
    (lambda _: own(examples(2, 5, 1), examples(3, 5, 1)), "support has 2, query 3"),
    (lambda _: own(il.Examples(numbers(2, 5, 1), numbers(2, 4, 1))), "(2, 5, 1)"),
    (lambda _: own(examples(2, 0, 1)), "at least one row"),
    (lambda _: own(il.Examples(numbers(2, 1), torch.zeros(2))), "at least one row"),
    (lambda _: gradient(own(examples(2, 5, 3))), "(5, 3)"),
    (lambda _: gradient(own(il.Examples(numbers(2, 5, 1), numbers(2, 5, 3)))), "3"),
    (lambda _: gradient(own(il.Examples(numbers(2, 5, 1), torch.full((2, 5), 7)))), "8 ways"),
    (lambda _: gradient(own(il.Examples(numbers(2, 5, 1), -torch.ones(2, 5).long()))), "-1"),
    (lambda _: gradient(own(il.Examples(numbers(2, 5, 1).double(), numbers(2, 5, 1)))), "float64"),
    (lambda _: gradient(own(il.Examples(numbers(2, 5, 1).long(), numbers(2, 5, 1)))), "int64"),
    (lambda _: gradient(own(examples(2, 5, 1)), il.protonet(net())), "numbers"),
    (lambda _: gradient("episodes"), "Episodes"),
    (lambda _: gradient(own(examples(2, 5, 1))[0]), "Episode"),
    (lambda _: sine().adapt(sine().init(), examples(0, 1)), "at least one row"),
    (lambda _: sine().adapt(sine().init(), None), "Examples"),
    (lambda _: sine().observe(sine().init(), None, examples(2, 1)), "cannot take in"),
]

TASKS: list[tuple[Call, str]] = [
    (lambda _: il.tasks.digits(ways=99), "99"),
    (lambda _: il.tasks.digits(ways=0), "ways"),
    (lambda _: il.tasks.digits(shots=0), "shots must be at least 1, got 0"),
    (lambda _: il.tasks.digits(shots=NAN), "shots"),
    (lambda _: il.tasks.digits(shots="one"), "shots"),
    (lambda _: il.tasks.digits(shots=(3, 1)), "shots"),
    (lambda _: il.tasks.digits(size=0), "size"),
    (lambda _: il.tasks.digits(size=1.5), "size"),
    (lambda _: il.tasks.digits(way=3), "did you mean ways?"),
    (lambda _: il.tasks.sinusoids(ways=5), "sinusoids has no setting 'ways'"),
    (lambda _: il.tasks.sinusoids(shots=-1), "shots"),
    (lambda _: il.tasks.glyphs(size=-4), "size"),
    (lambda _: il.tasks.digits().test.sample(tasks=0), "tasks"),
    (lambda _: il.tasks.digits().replace(ways=40), "40"),
    (lambda _: il.tasks.digits().split("tset"), "did you mean test?"),
    (lambda _: il.tasks.sinusoids().replace(ways=3), "ways does not apply"),
    (lambda h: images(h, "nowhere"), "nowhere"),
    (lambda h: images(h, "notes.txt"), "notes.txt"),
    (lambda h: images(h, "empty"), "empty"),
    (lambda h: images(h, "small"), "class"),
    (lambda h: images(h, "torn"), "can be read"),
    (lambda h: images(h, shots=40), "40"),
    (lambda h: images(h, ways=40), "40"),
    (lambda h: images(h, size="big"), "size"),
    (lambda h: images(h, fit="squash"), "squash"),
    (lambda h: images(h, splits={"c00": "trian"}), "trian"),
    (lambda h: images(h, splits={"zebra": "train"}), "zebra"),
    (lambda h: images(h, siz=8), "did you mean size?"),
    (lambda _: table(task="shp"), "did you mean shop?"),
    (lambda _: table(target="slod"), "did you mean sold?"),
    (lambda _: table(target=[]), "target"),
    (lambda _: table(target="shop"), "shop"),
    (lambda _: table(frame(sold=["x"] * 24), kind="regression"), "sold"),
    (lambda _: table(frame(sold=[NAN] * 24)), "sold"),
    (lambda _: table(frame(sold=[INF] * 24)), "sold"),
    (lambda _: table(frame(shop=[None] * 24)), "shop"),
    (lambda _: table(frame(shop=list(range(24)))), "shots"),
    (lambda _: table(frame(shop=["a"] * 24)), "task"),
    (lambda _: table(frame().drop(columns="size")), "no"),
    (lambda _: table(frame().iloc[:0]), "row"),
    (lambda _: table(shots=0), "shots"),
    (lambda _: table(queries=0), "queries"),
    (lambda _: table(kind="numbers"), "kind"),
    (lambda _: table(shot=1), "did you mean shots?"),
    (lambda _: table(split={"a": "trian"}), "trian"),
    (lambda _: table(3), "3"),
    (lambda h: table(h / "nowhere.csv"), "nowhere.csv"),
    (lambda h: table(h / "notes.txt"), "notes.txt"),
    (lambda _: arrays(y=[1, 2]), "2"),
    (lambda _: arrays(np.full((60, 2), NAN)), "NaN"),
    (lambda _: arrays(np.array([["a"]] * 60)), "numbers"),
    (lambda _: arrays(y=np.arange(60)), "class"),
    (lambda _: arrays(y=numbers(60)), "pass groups="),
    (lambda _: arrays(None, numbers(60), [1, 2]), "2"),
    (lambda _: arrays(None, np.full(60, NAN), [1, 2, 3] * 20), "finite"),
    (lambda _: arrays(kind="numbers"), "kind"),
    (lambda _: arrays(ways=99), "99"),
    (lambda _: arrays(shots=70), "70"),
    (lambda _: arrays(groop=1), "groups"),
    (lambda _: il.tasks.function(3), "got 3"),
    (lambda _: il.tasks.function("nowhere:f"), "nowhere"),
    (lambda _: il.tasks.function(lambda rng: 3), "must return two arrays"),
    (lambda _: il.tasks.function(lambda rng: 1 / 0), "division by zero"),
    (lambda _: il.tasks.function(lambda: None), "argument"),
    (lambda _: il.tasks.function(lambda rng: ([[NAN]] * 40, [1.0] * 40)), "NaN"),
    (lambda _: il.tasks.function(lambda rng: (np.random.rand(40, 1), [1.0] * 40)), "rng"),
    (lambda _: il.tasks.dataset(3), "got 3"),
    (lambda _: il.tasks.dataset([]), "got []"),
]

TRAINING: list[tuple[Call, str]] = [
    (lambda h: train(h, steps=-1), "steps must be at least 0, got -1"),
    (lambda h: train(h, steps=1.5), "steps must be a whole number"),
    (lambda h: train(h, steps="ten"), "steps must be a whole number"),
    (lambda h: train(h, minutes=NAN), "minutes must be a finite number"),
    (lambda h: train(h, minutes=INF), "minutes must be a finite number"),
    (lambda h: train(h, meta_batch=0), "meta_batch must be at least 1"),
    (lambda h: train(h, lr="fast"), "lr must be a finite number"),
    (lambda h: train(h, lr=-1), "lr must be at least 0"),
    (lambda h: train(h, clip=0), "clip"),
    (lambda h: train(h, ema=1), "ema"),
    (lambda h: train(h, patience=0), "patience must be at least 1"),
    (lambda h: train(h, target=NAN), "target must be a finite number"),
    (lambda h: train(h, optimiser="adma"), "did you mean adam"),
    (lambda h: train(h, optimiser=3), "optimiser"),
    (lambda h: train(h, schedule="cosin"), "did you mean cosine?"),
    (lambda h: train(h, validation_episodes=0), "validation_episodes"),
    (lambda h: train(h, save_every=-1), "save_every"),
    (lambda h: train(h, seed="x"), "seed"),
    (lambda h: train(h, shots=0), "shots must be at least 1"),
    (lambda h: train(h, ways=5), "ways does not apply"),
    (lambda h: train(h, resume=True), "resume needs the folder"),
    (lambda h: train(h, out=""), "out must name a folder"),
    (lambda h: train(h, out=3), "out"),
    (lambda h: train(h, out=h / "photos"), "choose another --out"),
    (lambda h: train(h, out=h / "notes.txt" / "run"), "notes.txt"),
    (lambda h: train(h, out=h / "sine"), "already holds a run"),
    (lambda h: train(h, stepz=3), "did you mean steps?"),
    (lambda h: train(h, learner=net()), "learner"),
    (lambda h: train(h, tasks="sinusoids"), "tasks"),
    (lambda h: train(h, tasks=il.tasks.sinusoids().train), "tasks"),
    (lambda h: train(h, tasks=il.tasks.digits()), "1, 28, 28)"),
    (lambda h: train(h, learner=il.protonet(net())), "numbers"),
    (lambda h: train(h, il.maml(il.models.mlp(784, 3)), il.tasks.digits()), "outputs"),
    (lambda h: il.train(), "learner"),
    (lambda h: il.train(sine()), "tasks"),
    (lambda h: il.evaluate(il.load(h / "sine")), "evaluate takes"),
    (lambda h: il.evaluate(il.load(h / "sine"), il.tasks.sinusoids()), "tasks.test"),
    (lambda h: il.evaluate(il.load(h / "sine"), "test"), "evaluate takes"),
    (lambda h: il.evaluate(sine(), il.tasks.sinusoids().test), "evaluate takes"),
    (lambda h: il.evaluate(3, il.tasks.sinusoids().test), "int"),
    (lambda h: evaluate(h, episodes=0), "0"),
    (lambda h: evaluate(h, episodes=1.5), "1.5"),
    (lambda h: evaluate(h, epsiodes=3), "did you mean episodes?"),
    (lambda h: evaluate(h, batch=0), "batch"),
    (lambda h: evaluate(h, baselines=["nearest"]), "baselines"),
    (lambda h: il.evaluate(il.load(h / "sine"), il.tasks.digits().test, episodes=2), "1, 28, 28)"),
    (lambda h: il.compare({}, il.tasks.sinusoids().test), "two"),
    (lambda h: il.load(h / "nowhere"), "is not a run folder"),
    (lambda h: il.load(3), "got 3"),
    (lambda h: il.load(h / "sine", inner_stepz=3), "did you mean inner_steps?"),
    (lambda h: il.load(h / "sine", il.models.mlp(1, 1, hidden=9)), "the model does not fit"),
    (lambda h: il.load(h / "sine", device="cuda:99"), "cuda:99"),
    (lambda h: il.load(h / "sine", device="gpu"), "gpu"),
]

USE: list[tuple[Call, str]] = [
    (lambda h: il.load(h / "sine").adapt(X, X, order=3), "did you mean orders?"),
    (lambda h: il.load(h / "sine").adapt(X * NAN, X), "NaN or infinity"),
    (lambda h: il.load(h / "sine").adapt(X, X / 0), "NaN or infinity"),
    (lambda h: il.load(h / "sine").adapt(X, LABELS), "'a'"),
    (lambda h: il.load(h / "sine").adapt(X[:, 0], X[:, 0]), "(8,)"),
    (lambda h: il.load(h / "sine").adapt(X, np.zeros((8, 2))), "outputs"),
    (lambda h: il.load(h / "sine").adapt("x", "y"), "y"),
    (lambda h: il.load(h / "digits").adapt(numbers(8, 1, 28, 28), X[:, 0]), "labels must be"),
    (lambda h: il.load(h / "digits").adapt(numbers(8, 1, 9, 9), LABELS), "(8, 1, 9, 9)"),
    (lambda h: il.load(h / "digits").adapt([h / "notes.txt"] * 8, LABELS), "notes.txt"),
    (lambda h: il.load(h / "clinic").adapt([{"age": 3}] * 8, X[:, 0]), "dose"),
    (lambda h: il.load(h / "clinic").adapt(frame(), np.zeros(24)), "age"),
    (lambda h: adapted(h).predict(numbers(3, 2)), "shaped like the support set's"),
    (lambda h: adapted(h).predict(numbers(1)[0]), "one row per input"),
    (lambda h: adapted(h).predict("file.csv"), "numbers"),
    (lambda h: adapted(h).predict(None), "numbers"),
    (lambda h: adapted(h).predict([[1.0], ["a"]]), "numbers"),
    (lambda h: adapted(h).predict({"x": X}), "cannot take x"),
    (lambda h: adapted(h).predict(X * INF * 0), "NaN or infinity"),
    (lambda h: adapted(h).predict(X + 0j), "must hold numbers"),
    (lambda h: adapted(h).predict_proba(X), "use predict"),
    (lambda h: adapted(h).update(X, X), "keep_support=True"),
    (lambda h: adapted(h).update(X, np.zeros(8)), "reshape y"),
    (lambda h: adapted(h).save(h / "photos"), "is a folder"),
    (lambda h: adapted(h).save(h / "notes.txt" / "task"), "notes.txt"),
    (lambda h: train().adapt(X, X).save(h / "new"), "standalone=True"),
    (lambda h: il.load_adapted(h / "nowhere"), "there is no file"),
    (lambda h: il.load_adapted(h / "notes.txt"), "damaged"),
    (lambda h: il.load_adapted(h / "sine" / "meta.safetensors"), "does not hold an adapted task"),
    (lambda h: il.load_adapted(h / "task", h / "digits"), "other weights"),
    (lambda h: il.load_adapted(h / "task", 3), "got 3"),
    (lambda h: onnx(adapted(h), h / "photos"), "photos"),
    (lambda h: program(replace(adapted(h), form=(adapted(h).form,) * 2)), "several parts"),
    (lambda h: FewShotClassifier(h / "sine").fit(X, LABELS), "classification"),
    (lambda h: FewShotRegressor(h / "digits").fit(X, X), "regression"),
    (lambda h: FewShotClassifier(h / "nowhere").fit(X, LABELS), "is not a run folder"),
    (lambda h: FewShotClassifier(3).fit(X, LABELS), "got 3"),
    (lambda h: FewShotClassifier(strength=-1).fit(X, LABELS), "strength"),
    (lambda h: FewShotClassifier(strength=NAN).fit(X, LABELS), "strength"),
    (
        lambda h: FewShotClassifier(h / "digits", orders=0).fit(numbers(8, 1, 28, 28), LABELS),
        "orders",
    ),
]


def evaluate(here: Path, **how: Any) -> Any:
    return il.evaluate(il.load(here / "sine"), il.tasks.sinusoids().test, **{"episodes": 2, **how})


def line_of(call: Call) -> str:
    return f"line {call.__code__.co_firstlineno}"


CASES = [*LEARNERS, *EPISODES, *TASKS, *TRAINING, *USE]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("called"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("call", "words"), CASES, ids=[line_of(call) for call, _ in CASES])
def test_one_sentence_in_two_languages_and_nothing_written(
    call: Call, words: str, place: Path
) -> None:
    refused(lambda: call(place), words, place)


def test_scikit_learn_s_own_words_for_its_own_checks() -> None:
    with pytest.raises(ValueError, match="NaN"):
        FewShotClassifier().fit(X[:4], [0, NAN, 1, 1])
    with pytest.raises(ValueError, match="features"):
        fitted().predict([[1.0, 2.0]])
    with pytest.raises(ValueError, match="n_splits"):
        cross_val_score(FewShotClassifier(), X, LABELS, cv=99)


@pytest.mark.parametrize(
    "error",
    [
        il.InputError("en.", "中文。"),
        MissingExtra("onnx", "export"),
        CannotWrite("en.", "中文。", exit_code=1),
    ],
)
def test_a_sentence_comes_whole_out_of_another_process(error: il.InnerloopError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.en, again.zh) == (type(error), error.en, error.zh)
    assert again.exit_code == error.exit_code
    assert is_one_sentence(str(again))
