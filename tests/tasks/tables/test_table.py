"""Laws of a table: tasks never cross a split, nothing of meta-test touches meta-train, and what is
wrong with a file is one sentence."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from table_cases import visits, written

import innerloop as il
from innerloop.tasks.tables.reading import read_table

SPLITS = ("train", "validation", "test")
HOW = {"task": "patient", "target": "score", "drop": ["ill"]}


def leaves(episodes):
    found = {"x": episodes.support.x, "y": episodes.support.y, "qx": episodes.query.x}
    return {**found, "qy": episodes.query.y, "task": episodes.task}


def quiet(source, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return il.tasks.table(source, **how)


def rows_of(tasks, frame, split):
    names = tasks.split(split).bank.names
    return frame["patient"].isin(names).to_numpy()


def test_tasks_are_disjoint_between_splits_and_all_are_there():
    tasks = il.tasks.table(visits(), **HOW)
    names = [set(tasks.split(split).bank.names) for split in SPLITS]
    assert set.union(*names) == set(visits()["patient"])
    assert sum(map(len, names)) == 30


def test_few_tasks_still_fill_every_split_and_two_are_refused():
    frame = visits()
    four = il.tasks.table(frame[frame["patient"].isin(["p1", "p2", "p3", "p4"])], **HOW)
    assert sorted(len(four.split(split).bank) for split in SPLITS) == [1, 1, 2]
    with pytest.raises(il.InputError, match=r"at least 3 are needed, got 2 \('p1', 'p2'\)"):
        il.tasks.table(frame[frame["patient"].isin(["p1", "p2"])], **HOW)


@pytest.mark.parametrize("target", ["score", "ill"])
def test_nothing_of_meta_test_touches_meta_training(tmp_path, target):
    """Values, categories, dates and missingness of meta-test rows change; meta-train stays, bit for
    bit, and so does everything that was fitted. Read from files, where types are guessed."""
    other = "ill" if target == "score" else "score"
    how = {"task": "patient", "target": target, "drop": [other], "shots": 1}
    frame = visits()
    before = quiet(str(written(frame, tmp_path / "before.csv")), **how)
    test = rows_of(before, frame, "test") | rows_of(before, frame, "validation")
    changed = frame.astype({"age": object, "day": object})
    changed.loc[test, "age"] = ["1e9", None, "unknown"] * (test.sum() // 3)
    changed.loc[test, "dose"] = "never seen before"
    changed.loc[test, "day"] = "31/12/1999"
    changed.loc[test, "smoker"] = "7"
    changed.loc[test, "pressure"] = np.nan
    if target == "score":
        changed.loc[test, "score"] *= -1000
    else:
        changed.loc[test, "ill"] = ["ill", "well", "dead"] * (test.sum() // 3)
    after = quiet(str(written(changed, tmp_path / "after.csv")), **how)
    assert after.inputs == before.inputs or target == "ill"
    assert after.inputs.columns == before.inputs.columns
    assert (after.inputs.means, after.inputs.stds) == (before.inputs.means, before.inputs.stds)
    for index in range(3):
        one, other = (t.train.sample(0, index, 8) for t in (before, after))
        for name, leaf in leaves(one).items():
            assert torch.equal(leaf, leaves(other)[name]), name
    assert not torch.equal(before.test.sample().support.x, after.test.sample().support.x)
    assert after.test.sample().support.x.isfinite().all()


def test_scaling_is_that_of_meta_train_rows():
    frame = visits()
    tasks = il.tasks.table(frame, **HOW)
    train = frame[rows_of(tasks, frame, "train")]
    age = next(c for c in tasks.inputs.columns if c.name == "age")
    assert (age.mean, age.std) == pytest.approx((train["age"].mean(), train["age"].std(ddof=0)))
    pressure = next(c for c in tasks.inputs.columns if c.name == "pressure")
    assert pressure.median == pytest.approx(train["pressure"].median())
    assert tasks.inputs.means == pytest.approx([train["score"].mean()])
    bank = tasks.train.bank
    y = bank.y(np.arange(len(bank.order)))
    torch.testing.assert_close(
        (y.mean(), y.std()), (torch.tensor(0.0), torch.tensor(1.0)), atol=1e-2, rtol=0
    )


def test_the_task_and_the_target_never_are_features():
    tasks = il.tasks.table(visits(), task="patient", target=["score"])
    assert not {"patient", "score"} & set(tasks.inputs.features)
    with pytest.raises(il.InputError, match="never are features, but 'score' was named"):
        il.tasks.table(visits(), task="patient", target="score", features=["age", "score"])
    shuffled = visits()
    shuffled["score"] = np.random.default_rng(1).permutation(shuffled["score"])
    same = il.tasks.table(shuffled, **HOW).train.sample().support.x
    assert torch.equal(same, il.tasks.table(visits(), **HOW).train.sample().support.x)


def test_a_column_that_gives_the_target_away_is_pointed_out():
    with pytest.warns(UserWarning, match="The target follows from 'copy' without error"):
        il.tasks.table(visits().assign(copy=lambda f: 3 - 2 * f["score"]), **HOW)
    codes = visits().assign(code=lambda f: f["ill"].map({"ill": "K1", "well": "K2"}))
    facts = il.tasks.table_facts(codes, task="patient", target="ill", drop=["score"], shots=1)
    assert "follows from 'code'" in facts["warnings"][-1]


def test_constant_and_id_like_columns_are_left_out_with_a_note():
    frame = visits().assign(
        clinic="A", visit_id=np.arange(360)[::-1] * 7, note=lambda f: f.index.map("n{}".format)
    )
    with pytest.warns(
        UserWarning, match="'clinic' is constant, 'visit_id' is id-like, 'note' is id-like"
    ):
        tasks = il.tasks.table(frame, **HOW)
    assert tasks.inputs.features == ["age", "dose", "day", "smoker", "pressure"]


def test_support_and_query_share_no_row():
    for how in (HOW, {"task": "patient", "target": "ill", "drop": ["score"], "shots": 2}):
        tasks = quiet(visits(), **how, queries=30)
        episodes = tasks.train.sample(tasks=40)
        for episode in episodes:
            support = {tuple(row) for row in episode.support.x.tolist()}
            query = {tuple(row) for row in episode.query.x.tolist()}
            assert len(support) == len(episode.support.x)
            assert len(query) == len(episode.query.x)
            assert not support & query


def test_every_row_of_a_task_is_met_and_none_of_another():
    frame = visits()
    tasks = il.tasks.table(frame, **HOW, shots=3, queries=100)
    stream = tasks.train
    episode = stream.sample()[0]
    assert len(episode.query.y) == 9  # up to 100, and 12 - 3 are there
    name = sorted(set(frame["patient"]))[int(episode.task)]
    rows = tasks.inputs.x(frame[frame["patient"] == name].drop(columns=["score", "ill", "patient"]))
    met = torch.cat([episode.support.x, episode.query.x])
    assert sorted(met.tolist()) == sorted(rows.tolist())
    assert stream.describe(stream.sample(), 0) == f"table/train task {name!r}"


def test_a_class_keeps_its_number_and_classes_of_a_task_are_those_it_has():
    frame = visits()
    tasks = quiet(frame, task="patient", target="ill", drop=["score"], shots=2)
    assert (tasks.kind, tasks.outputs, tasks.inputs.classes) == (
        "classification",
        2,
        ("ill", "well"),
    )
    episodes = tasks.train.sample(tasks=20)
    assert episodes.classes.tolist() == [[0, 1]] * 20
    for episode in episodes:
        name = sorted(set(frame["patient"]))[int(episode.task)]
        ill = frame[(frame["patient"] == name) & (frame["ill"] == "ill")]
        rows = set(
            map(tuple, tasks.inputs.x(ill.drop(columns=["score", "ill", "patient"])).tolist())
        )
        for side in (episode.support, episode.query):
            said = [tuple(x) in rows for x in side.x.tolist()]
            assert said == (side.y == 0).tolist()
        assert episode.support.y.bincount().tolist() == [2, 2]


def diagnoses():
    """Every clinic has three diagnoses of its own, with 3, 6 and 9 patients."""
    rows = [
        {"clinic": f"c{c}", "diagnosis": f"{c}-{d}", "a": c + d / 7 + n / 100, "b": n * d % 5}
        for c in range(12)
        for d in range(3)
        for n in range(3 * (d + 1))
    ]
    return pd.DataFrame(rows)


def test_classes_of_their_own_stand_anywhere_and_small_ones_are_left_out():
    tasks = quiet(diagnoses(), task="clinic", target="diagnosis", shots=4, queries=2)
    assert tasks.train.ways == 2  # 6 and 9 patients are enough for 4 + 1, 3 are not
    episodes = tasks.train.sample(tasks=60)
    labels = [[tasks.inputs.classes[n] for n in row] for row in episodes.classes.tolist()]
    assert {tuple(name[-1] for name in row) for row in labels} == {("1", "2"), ("2", "1")}
    assert tasks.train.replace(shots=2, ways=64).ways == 3
    assert tasks.train.class_count == 3 * len(tasks.train.bank)


def test_tasks_that_are_too_small_are_listed_and_never_drawn():
    frame = visits()
    small = frame["patient"].isin(["p1", "p2", "p3"]) & (frame.groupby("patient").cumcount() > 0)
    split = {f"p{n}": "train" if n < 16 else "val" if n < 20 else "test" for n in range(30)}
    with pytest.warns(
        UserWarning, match=r"3 of 16 tasks .* a task needs 6 rows \('p1', 'p2', 'p3'\)"
    ):
        tasks = il.tasks.table(frame[~small], **HOW, split=split)
    assert tasks.train.unusable == ["p1", "p2", "p3"]
    drawn = set(tasks.train.sample(tasks=300).task.tolist())
    assert len(drawn) == len(tasks.train.bank) - len(tasks.train.unusable)
    facts = il.tasks.table_facts(frame[~small], **HOW, split=split)
    assert facts["splits"]["train"]["too_small"] == tasks.train.unusable
    assert any("left out" in sentence for sentence in facts["warnings"])
    with pytest.raises(
        il.InputError,
        match=r"no task with enough rows: a task needs 51 rows, the largest .* has 12 rows; lower shots",
    ):
        il.tasks.table(frame, **HOW, shots=50)


def test_uneven_tasks_are_padded_and_the_padding_says_nothing():
    frame = visits()
    uneven = frame[
        frame.groupby("patient").cumcount() < 6 + frame["patient"].str[1:].astype(int) % 7
    ]
    tasks = il.tasks.table(uneven, **HOW)
    episodes = tasks.train.sample(tasks=30)
    counts = episodes.query.mask.sum(1)
    assert counts.min() == 1
    assert counts.max() == 7
    assert episodes.support.mask.all()
    assert not episodes.query.x[~episodes.query.mask].any()
    for episode in episodes:
        assert episode.query.mask is None
        name = sorted(set(frame["patient"]))[int(episode.task)]
        assert len(episode.query.y) == (uneven["patient"] == name).sum() - 5


def test_several_yes_or_no_targets_are_labels():
    frame = visits().assign(
        a=lambda f: f["age"] > 60,
        b=lambda f: ((f["dose"] == "low") & (f["score"] > 155)).astype(int),
    )
    tasks = il.tasks.table(frame.drop(columns=["score", "ill"]), task="patient", target="a,b")
    assert (tasks.kind, tasks.outputs) == ("multilabel", 2)
    y = tasks.train.sample(tasks=3).support.y
    assert (y.dtype, y.shape) == (torch.bool, (3, 5, 2))
    learner = il.maml(il.models.mlp(tasks.input_shape[0], 2, hidden=8), inner_lr=0.1)
    run = il.train(learner, tasks, steps=2, meta_batch=2, validation_episodes=3, progress=False)
    scores = il.evaluate(run, tasks.test, episodes=6)
    assert scores.metric == "accuracy"
    assert 0 <= scores.mean <= 1
    assert scores.baselines["nearest neighbour"].mean > 0


def test_several_numbers_are_regressed_together_and_guesses_are_said():
    tasks = il.tasks.table(visits(), task="patient", target=["score", "age"], drop=["ill"])
    assert (tasks.kind, tasks.outputs, tasks.inputs.features[0]) == ("regression", 2, "dose")
    raw = torch.tensor([[150.0, 60.0]], dtype=torch.float64)
    torch.testing.assert_close(tasks.inputs.answers(tasks.inputs.targets(raw)), raw)
    stages = visits().assign(stage=lambda f: (f["age"] / 20).round())
    facts = il.tasks.table_facts(stages, task="patient", target="stage", shots=1)
    assert facts["kind"] == "classification"
    assert "different whole values; kind says otherwise" in facts["guessed"][0]
    forced = il.tasks.table(stages, task="patient", target="stage", shots=1, kind="regression")
    assert forced.kind == "regression"


def test_settings_rebuild_the_family_and_a_changed_table_is_noticed(tmp_path):
    path = written(visits(), tmp_path / "visits.csv")
    tasks = il.tasks.table(path, **HOW, shots=4)
    settings = json.loads(json.dumps(tasks.settings))
    again = il.tasks.TASKS["table"](**settings)
    assert again.settings == tasks.settings
    one, other = (leaves(t.test.sample(tasks=5)) for t in (tasks, again))
    assert all(torch.equal(one[name], other[name]) for name in one)
    grown = pd.concat([visits(), visits().assign(patient="new", age=1e6, dose="huge")])
    written(grown, path)
    with pytest.warns(UserWarning, match=r"visits.csv' has changed since the run was trained"):
        changed = il.tasks.TASKS["table"](**settings)
    assert changed.inputs == tasks.inputs
    frameless = il.tasks.table(visits(), **HOW).settings
    assert frameless["source"] is None
    with pytest.raises(il.InputError, match="DataFrame, which is not kept"):
        il.tasks.TASKS["table"](**frameless)


@pytest.mark.parametrize("how", ["column", "csv", "json", "mapping"])
def test_splits_can_be_given(tmp_path, how):
    frame = visits()
    split = {f"p{n}": "test" if n < 5 else "val" if n < 9 else "train" for n in range(30)}
    given = split
    if how == "column":
        frame["fold"], given = frame["patient"].map(split), "fold"
    elif how == "csv":
        given = str(
            written(
                pd.DataFrame({"name": split.keys(), "split": split.values()}), tmp_path / "s.csv"
            )
        )
    elif how == "json":
        (tmp_path / "s.json").write_text(json.dumps(split))
        given = str(tmp_path / "s.json")
    tasks = il.tasks.table(frame, **HOW, split=given)
    assert set(tasks.test.bank.names) == {f"p{n}" for n in range(5)}
    assert len(tasks.validation.bank) == 4
    assert "fold" not in tasks.inputs.features


def test_a_split_that_names_no_validation_takes_some_of_train_and_unnamed_tasks_are_listed():
    split = {f"p{n}": "test" if n < 5 else "train" for n in range(25)}
    with pytest.warns(UserWarning, match="5 tasks are in no split and left out: 'p25'"):
        tasks = il.tasks.table(visits(), **HOW, split=split)
    assert [len(tasks.split(s).bank) for s in SPLITS] == [16, 4, 5]
    with pytest.raises(il.InputError, match="must be train, validation or test, got '3'"):
        il.tasks.table(visits(), **HOW, split={**split, "p0": "3"})
    torn = visits().assign(fold=["train", "test"] * 180)
    with pytest.raises(
        il.InputError, match="belongs to one split, but 'p0' has 'test' and 'train'"
    ):
        il.tasks.table(torn, **HOW, split="fold")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".csv.gz"])
def test_every_format_reads_alike(tmp_path, suffix):
    frame, path = visits(), tmp_path / f"visits{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    one, other = (
        leaves(il.tasks.table(s, **HOW).train.sample(tasks=3)) for s in (frame, str(path))
    )
    for name, leaf in one.items():
        torch.testing.assert_close(leaf, other[name])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_and_separators_are_worked_out(tmp_path, encoding):
    frame = visits().rename(columns={"patient": "患者", "score": "得分"})
    path = written(frame, tmp_path / "v.csv", encoding=encoding, sep=";")
    tasks = il.tasks.table(path, task="患者", target="得分", drop=["ill"])
    assert tasks.train.sample().support.x.shape[1] == 5


def bad(tmp_path, text, name="bad.csv", mode="w", **how):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    il.tasks.table(str(path), **{"task": "p", "target": "y", **how})


GOOD = "p,x,y\n" + "".join(f"p{n % 9},{n * n % 7},{n / 3}\n" for n in range(90))


@pytest.mark.parametrize(
    ("text", "how", "sentence"),
    [
        ("", {}, "cannot be read as a table"),
        ("p,x,y\n", {}, "has 0 rows and 3 columns; give one that holds data"),
        ("p,x,x,y\n1,2,3,4\n", {}, "'x' stands there more than once; rename one"),
        ("p,x,y\n1,2,3\n1,2,3,4\n1,2\n", {}, "cannot be read as a table"),
        (b"\xff\xfe\x00\xd8\x00\xff\xff", {}, "neither UTF-8 nor GB18030 text; save it as UTF-8"),
        (
            GOOD,
            {"task": "pp"},
            "task column must be one of 'p', 'x', 'y', got 'pp'; did you mean p?",
        ),
        (GOOD, {"target": "z"}, "target column must be one of 'p', 'x', 'y', got 'z'"),
        (GOOD, {"target": "p"}, "task and target must be different columns, both are 'p'"),
        (GOOD, {"drop": ["w"]}, "feature column must be one of 'p', 'x', 'y', got 'w'"),
        (GOOD, {"drop": ["x"]}, "needs a feature that varies, but no column is left"),
        (GOOD.replace(",1.0\n", ",oops\n"), {"kind": "regression"}, "no finite number"),
        (GOOD + "p1,1,inf\n", {}, r"no finite number \(such as 'inf'\) in 1 rows \('91'"),
        (
            GOOD + "p1,1,\n",
            {},
            r"'y' is missing in 1 rows \('91'; the first below the header is 1\)",
        ),
        (GOOD + ",1,1\n", {}, r"every row needs a task, but 'p' is empty in 1 rows \('91'"),
        (
            GOOD,
            {"kind": "odd"},
            "kind must be one of classification, regression, multilabel, got 'odd'",
        ),
        (GOOD, {"kind": "multilabel"}, r"neither yes \(1\) nor no \(0\) in"),
        (GOOD, {"ways": 2}, "have no classes, so ways does not apply"),
        (GOOD, {"shots": 0}, "shots of a table must be a whole number of at least 1, got 0"),
        (GOOD, {"split": "fold"}, "split column must be one of"),
        (GOOD, {"split": "absent.json"}, "must name a column of the table or a file"),
        (GOOD, {"name": "bad.xlsx"}, "must be one of .csv, .tsv"),
        (GOOD, {"name": "bad.parquet"}, "cannot be read as a table"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, text, how, sentence):
    name = how.pop("name", "bad.csv") if "name" in how else "bad.csv"
    with pytest.raises(il.InputError, match=sentence) as caught:
        bad(tmp_path, text, name, **how)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path):
    for path, what in ((tmp_path / "no.csv", "is not there"), (tmp_path, "is a folder")):
        with pytest.raises(il.InputError, match=what):
            read_table(path)


def test_a_task_column_that_holds_one_class_each_is_the_wrong_one():
    frame = visits().assign(side=lambda f: f["patient"].map(lambda p: "ab"[int(p[1:]) % 2]))
    with pytest.raises(
        il.InputError, match=r"tasks of table/\w+ has one value of the target alone"
    ):
        il.tasks.table(frame, task="patient", target="side")
