"""Arrays, functions and datasets of the user's own."""

import sys

import numpy as np
import pytest
import torch
from picture_cases import picture
from PIL import Image

import innerloop as il
from innerloop import InputError
from innerloop.tasks import arrays, dataset, function
from innerloop.tasks.base import SPLITS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3))
Y = np.repeat([f"k{n:02d}" for n in range(24)], 10)
GROUPS = np.repeat([f"p{n}" for n in range(12)], 20)


def find(rows, x):
    """The numbers of these rows of X."""
    return [int(np.flatnonzero((np.float32(x) == row.numpy()).all(1))[0]) for row in rows]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, np.ndarray.tolist])
def test_classes_of_arrays_are_disjoint(kind):
    labels = Y if kind is not torch.as_tensor else np.repeat(np.arange(24), 10)
    tasks = arrays(
        kind(X), labels if kind is np.asarray else list(labels), ways=3, shots=2, queries=4
    )
    seen = []
    for split in SPLITS:
        batch = tasks.split(split).sample(tasks=20)
        assert batch.support.x.dtype == torch.float32
        for episode in batch:
            support, query = (find(side.x, X) for side in (episode.support, episode.query))
            assert not set(support) & set(query)
            assert len({labels[n] for n in support}) == 3
            assert [labels[n] for n in support[::2]] == [labels[n] for n in query[::4]]
            seen.append((split, {labels[n] for n in support}))
    for split in SPLITS:
        here = set.union(*(c for s, c in seen if s == split))
        assert not here & set.union(*(c for s, c in seen if s != split))


def test_a_group_is_a_task_to_regress_or_to_classify_in():
    target = X @ [1.0, 2.0, 3.0]
    tasks = arrays(X, target, GROUPS, shots=(2, 4), queries=(1, 9))
    assert (tasks.kind, tasks.outputs) == ("regression", 1)
    groups = {}
    for split in SPLITS:
        for episode in tasks.split(split).sample(tasks=12):
            rows = find(torch.cat([episode.support.x, episode.query.x]), X)
            assert len(set(rows)) == len(rows)
            [name] = {GROUPS[n] for n in rows}
            groups.setdefault(name, set()).add(split)
            y = torch.cat([episode.support.y, episode.query.y])[:, 0]
            torch.testing.assert_close(y, torch.from_numpy(np.float32(target[rows])))
            assert 2 <= len(episode.support.y) <= 4
            assert len(episode.query.y) == 9
    assert all(len(splits) == 1 for splits in groups.values())
    sick = RNG.integers(0, 2, 240)
    tasks = arrays(X, sick, GROUPS, shots=2, queries=(1, 3))
    assert (tasks.kind, tasks.outputs) == ("classification", 2)
    episode = tasks.test.sample()[0]
    assert [sick[n] for n in find(episode.support.x, X)] == episode.support.y.tolist()
    several = arrays(X, np.c_[sick > 0, sick < 1], GROUPS)
    assert (several.kind, several.outputs, several.train.sample().query.y.dtype) == (
        *("multilabel", 2, torch.bool),
    )


def test_groups_that_are_too_small_are_named():
    groups = np.where(np.arange(240) < 3, "tiny", GROUPS)
    with pytest.warns(UserWarning, match=r"1 of \d+ groups have fewer than 6 rows .*'tiny'"):
        tasks = arrays(X, X[:, 0], groups, shots=5)
    assert any("'tiny'" in note for note in tasks.notes)
    with pytest.raises(InputError, match="no group that is large enough: a task needs 41 rows"):
        arrays(X, X[:, 0], GROUPS, shots=40)


def test_groups_of_one_class_each_are_no_tasks():
    y, groups = RNG.permutation(np.repeat([0, 1], 60)), np.repeat(np.arange(12), 10)
    with pytest.raises(
        InputError, match=r"each of the \d+ groups of .* leave groups out, and tasks"
    ):
        arrays(RNG.normal(size=(120, 3)), groups % 2 + 0 * y, groups=groups)


def test_shots_are_one_of_a_class_that_is_drawn_and_five_of_a_task_that_is_as_it_is():
    x, y = RNG.normal(size=(300, 3)), np.repeat(np.arange(30), 10)
    assert arrays(x, y).test.shots == 1
    assert arrays(x, x.sum(1), groups=y).test.shots == 5
    pairs = list(zip(x, y.tolist(), strict=True))
    assert dataset(pairs).settings["shots"] == 1
    assert arrays(x, y, shots=3).test.shots == 3


def test_images_in_arrays_become_ink_between_0_and_1():
    pixels = RNG.integers(0, 256, (240, 8, 8, 3), dtype=np.uint8)
    tasks = arrays(pixels, Y, ways=2)
    assert tasks.input_shape == (3, 8, 8)
    x = tasks.train.sample().support.x
    assert x.dtype == torch.float32
    assert 0 <= x.min() < 0.2 < 0.8 < x.max() <= 1
    torch.testing.assert_close(
        tasks.inputs.x(pixels[0])[0].permute(1, 2, 0) * 255, torch.tensor(pixels[0]).float()
    )


def test_x_may_be_a_dict_and_tokens_stay_whole_numbers():
    x = {"tokens": np.arange(240 * 5).reshape(240, 5), "age": X[:, :1]}
    support = arrays(x, Y, ways=2, shots=1).train.sample().support
    assert support.x["tokens"].dtype == torch.int64
    assert (support.x["tokens"][..., 0] // 5 < 240).all()
    rows = support.x["tokens"][0, :, 0] // 5
    torch.testing.assert_close(support.x["age"][0, :, 0], torch.from_numpy(np.float32(X[rows, 0])))


def holes(x):
    return np.where(np.arange(240)[:, None] == 7, np.nan, x)


WRONG = [
    (lambda: arrays(X, Y[:5]), "x has 240, y has 5"),
    (lambda: arrays(X, Y, GROUPS[:5]), "x has 240, groups has 5"),
    (lambda: arrays(holes(X), Y), "1 rows hold NaN or infinity, first row 7; impute or drop"),
    (lambda: arrays(X, holes(X)[:, 0], GROUPS), "y must be finite, but row 7 is not"),
    (lambda: arrays(X, X[:, 0]), "y is for regression; pass groups="),
    (lambda: arrays(X, Y, kind="ranking"), "kind must be one of classification, regression"),
    (lambda: arrays(X, X, GROUPS, kind="classification"), "one label per row, got shape (240, 3)"),
    (lambda: arrays(X[:0], Y[:0]), "pass some rows"),
    (lambda: arrays(X, Y, ways=13), "13-way tasks need at least 26 classes"),
    (lambda: arrays(X, X[:, 0], np.repeat(["a", "b"], 120)), "at least 3 are needed, got 2"),
    (lambda: arrays(X, X[:, 0], GROUPS, ways=2), "has no classes, so ways does not apply"),
    (lambda: function(3), "f must be a function or a string, got 3; pass f=my_task"),
    (lambda: function(lambda rng: X), "must return two arrays, the rows x and their targets y"),
    (lambda: function(lambda rng: (X, Y[:3])), "x has 240, y has 3"),
    (lambda: function(lambda rng: (np.random.rand(40, 1), X[:40])), "must draw all its random"),
    (lambda: function(lambda rng: (X[:9], X[:9])), "returned 9 rows; return more, or lower"),
    (lambda: function("nowhere.at:all"), "cannot be imported"),
    (lambda: dataset([]), "dataset needs rows that are counted and numbered"),
    (lambda: dataset([1, 2]), "items must be pairs (x, y), got int"),
    (lambda: dataset([("text", 1)] * 9), "row 0 is text; encode it first"),
    (lambda: dataset([(np.zeros(n + 1), n) for n in range(9)]), "must have one shape"),
]


@pytest.mark.parametrize(("make", "sentence"), WRONG)
def test_what_cannot_be_used_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert sentence in str(caught.value)


def wave(rng):
    x = rng.uniform(-5, 5, (20, 1))
    return x, rng.uniform(0.1, 5) * np.sin(x)


def clouds(rng):
    y = np.repeat(["a", "b", "c"], 8)
    return rng.normal(size=(3, 2))[np.repeat(range(3), 8)] + rng.normal(size=(24, 2)) / 9, y


def test_a_function_s_tasks_are_addressable_and_unlike():
    tasks = function(wave, shots=5, queries=(1, 10))
    four, twos = tasks.train.sample(1, 1, 4), [tasks.train.sample(1, 2 + h, 2) for h in (0, 1)]
    assert torch.equal(four.query.x, torch.cat([two.query.x for two in twos]))
    assert not torch.equal(tasks.train.sample(0).support.x, tasks.test.sample(0).support.x)
    assert not four.is_padded
    again = il.tasks.TASKS["function"](**tasks.settings)
    assert torch.equal(again.test.sample(5).query.y, tasks.test.sample(5).query.y)
    classes = function(clouds, shots=2, queries=3, ways=3)
    assert (classes.kind, classes.outputs) == ("classification", 3)
    learner = il.nearest_centroid()
    assert il.evaluate(learner, learner.init(), classes.test, episodes=20).mean > 0.9


def test_a_learner_trains_on_uneven_groups():
    tasks = arrays(X, X.sum(1), GROUPS, shots=(2, 6))
    learner = il.maml(il.models.mlp(3, 1, hidden=8), inner_lr=0.05)
    run = il.train(learner, tasks, steps=3, meta_batch=4, validation_episodes=4, progress=False)
    assert run.verdict is il.Verdict.OUT_OF_STEPS
    assert run.dropped == 0


class Pictures(torch.utils.data.Dataset):
    """Images of unequal sizes; reading a label must not read an image."""

    targets = [n // 5 for n in range(60)]  # noqa: RUF012
    classes = [f"bird {n}" for n in range(12)]  # noqa: RUF012

    def __len__(self):
        return 60

    def __getitem__(self, n):
        return picture(n, (20 + n % 3, 16), "L"), self.targets[n]


def test_a_torch_dataset_with_images():
    tasks = dataset(Pictures(), ways=2)
    assert tasks.input_shape == (1, 28, 28)
    assert all(name.startswith("bird ") for name in tasks.train.bank.names)
    own = tasks.inputs.x(picture(0, (20, 16), "L"))
    everything = torch.cat(
        [tasks.split(s).bank.take(np.arange(int(tasks.split(s).bank.sizes.sum()))) for s in SPLITS]
    )
    assert (everything == own).flatten(1).all(1).sum() == 1


class Feature:
    names = ("cat", "dog", "owl", "ape", "bee", "cow")


class HuggingFace:
    """As `datasets.Dataset`: columns by name, rows as dicts."""

    _fingerprint = "abc123"
    features = {"label": Feature(), "image": None}  # noqa: RUF012
    column_names = ["image", "label", "id"]  # noqa: RUF012
    read = 0

    def __len__(self):
        return 36

    def __getitem__(self, n):
        if n == "label":
            return [n // 6 for n in range(36)]
        HuggingFace.read += 1
        return {"image": picture(n), "label": n // 6, "id": n}


def test_a_hugging_face_dataset_is_kept_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path))
    tasks = dataset(HuggingFace(), size=8)
    assert set.union(*(set(tasks.split(s).bank.names) for s in SPLITS)) == set(Feature.names)
    before = HuggingFace.read
    again = dataset(HuggingFace(), size=8, grey=False)
    assert HuggingFace.read < before + 36 + 4
    assert torch.equal(again.train.sample().support.x, tasks.train.sample().support.x)
    with pytest.raises(InputError, match="x must be one of the columns image, label, id"):
        dataset(HuggingFace(), x="picture")


def test_much_goes_into_a_file_without_a_name(tmp_path, monkeypatch):
    expected = dataset(Pictures(), ways=2).train.sample().support.x
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path))
    monkeypatch.setattr(sys.modules["innerloop.tasks.dataset"], "IN_MEMORY", 1)
    assert torch.equal(dataset(Pictures(), ways=2).train.sample().support.x, expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_datasets_of_hugging_face_themselves(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path / "cache"))
    names = [f"kind {n}" for n in range(15)]
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 9, (20 + n % 5, 24, 3), "u1")) for n in range(90)]
    columns = {"image": pictures, "label": [n % 15 for n in range(90)], "id": list(range(90))}
    data = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    data = data.cast_column("label", datasets.ClassLabel(names=names))
    tasks = il.tasks.dataset(data, ways=3)
    assert tasks.input_shape == (3, 28, 28)
    assert set(tasks.test.bank.names) < set(names)
    assert list((tmp_path / "cache" / "images").iterdir())
    numbers = {"x": rng.normal(size=(90, 4)).tolist(), "label": [n // 10 for n in range(90)]}
    plain = datasets.Dataset.from_dict(numbers)
    for form in (plain, plain.with_format("torch"), plain.with_format("numpy")):
        assert il.tasks.dataset(form, ways=2).test.sample().support.x.shape == (1, 2, 4)
    with pytest.raises(il.InputError, match="got a dictionary of 'train', 'test'; pass one"):
        il.tasks.dataset(datasets.DatasetDict(train=plain, test=plain))
    with pytest.raises(il.InputError, match="read a stream into a list first"):
        il.tasks.dataset(plain.to_iterable_dataset())
