"""A large table is read in parts and means the same as if it were read at once."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from table_cases import visits, written

import innerloop as il
from innerloop.tasks.tables import gathering, parts, preparing
from innerloop.tasks.tables.parts import open_table
from innerloop.tasks.tables.reading import content_of, read_table, values_of

HOW = {"task": "patient", "target": "score", "drop": ["ill"]}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Every file counts as large, and its parts are a few rows."""
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(parts, "LARGE", 1)
    monkeypatch.setattr(parts, "BLOCK", 2_000)
    monkeypatch.setattr(parts, "ROWS", 17)
    return tmp_path / "cache" / "tables"


def spoken(frame):
    """The visits with texts that need quotation marks, some over two lines."""
    said = ["a, b", 'the "first"\nthen more', "none", None]
    return frame.assign(said=[said[n % 4] for n in range(len(frame))])


def same(one, other):
    for split in ("train", "validation", "test"):
        a, b = (tasks.split(split).sample(0, 1, 6) for tasks in (one, other))
        for x, y in (
            (a.support.x, b.support.x),
            (a.query.x, b.query.x),
            (a.support.y, b.support.y),
        ):
            torch.testing.assert_close(x, y, rtol=0, atol=0)
        assert a.task.tolist() == b.task.tolist()
    return True


@pytest.mark.filterwarnings("ignore:1 of 14 tasks")
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
@pytest.mark.parametrize("target", ["score", "ill"])
def test_in_parts_or_at_once_the_tasks_are_the_same(tmp_path, cache, monkeypatch, suffix, target):
    how = {"task": "patient", "target": target, "shots": 2}
    how["drop"] = ["score" if target == "ill" else "ill"]
    frame, path = spoken(visits()), tmp_path / f"visits{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path, row_group_size=100)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    in_parts = il.tasks.table(path, **how)
    [file] = cache.rglob("rows.npy")
    assert torch.from_numpy(np.load(file)).equal(in_parts.train.bank.all_x)
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(file) in maps.read_text()
    monkeypatch.setattr(parts, "LARGE", 1 << 30)
    at_once = il.tasks.table(path, **how)
    assert in_parts.inputs == at_once.inputs
    assert same(in_parts, at_once)


def test_parts_end_where_rows_do_and_hold_every_cell(tmp_path, cache):
    frame = spoken(visits())
    path = written(frame, tmp_path / "visits.csv", encoding="utf-8-sig")
    table = open_table(path, content_of(path))
    assert len(table.files) > 5
    found = pd.concat(table.frames(table.names), ignore_index=True)
    expected = read_table(path)
    for name in table.names:
        assert values_of(found[name]) == values_of(expected[name])
    later = pd.concat(table.frames(["said"], first=100), ignore_index=True)
    assert values_of(later["said"]) == values_of(expected["said"])[100:]


def test_what_is_killed_goes_on_and_a_copy_of_the_file_is_the_same_table(
    tmp_path, cache, monkeypatch
):
    path = written(visits(), tmp_path / "visits.csv")
    parsed, encoded, kills = [], [], {"parse": 4, "encode": 9}
    parse, encode = parts.parse_text, preparing.TableInputs.encode

    def parsing(*given):
        parsed.append(given)
        if len(parsed) == kills.get("parse"):
            raise KeyboardInterrupt
        return parse(*given)

    def encoding(inputs, frame):
        encoded.append(len(frame))
        if len(encoded) == kills.get("encode"):
            raise KeyboardInterrupt
        return encode(inputs, frame)

    monkeypatch.setattr(parts, "parse_text", parsing)
    monkeypatch.setattr(preparing.TableInputs, "encode", encoding)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            il.tasks.table(path, **HOW)
    [prepared] = cache.glob("*-x-*")
    with (prepared / "rows.npy").open("ab") as file:
        file.write(b"half a row")
    tasks = il.tasks.table(path, **HOW)
    assert len(parsed) == 1 + len(list(cache.glob("*/*.parquet")))  # one was begun twice
    assert sum(encoded) - encoded[8] == len(visits())
    for counted in (parsed, encoded, kills):
        counted.clear()
    copy = tmp_path / "elsewhere.csv"
    copy.write_bytes(path.read_bytes())
    assert same(il.tasks.table(copy, **HOW), tasks)
    assert not parsed
    assert not encoded
    copy.write_text(copy.read_text().replace("low", "lower"))
    il.tasks.table(copy, **HOW)
    assert parsed
    assert encoded


def test_a_run_on_a_large_table_is_rebuilt_from_its_settings(tmp_path, cache):
    path = written(visits(), tmp_path / "visits.csv")
    tasks = il.tasks.table(path, **HOW)
    again = il.tasks.TASKS["table"](**json.loads(json.dumps(tasks.settings)))
    assert same(tasks, again)
    facts = il.tasks.table_facts(path, **HOW)
    assert (facts["kind"], facts["rows"], facts["tasks"]) == ("regression", 360, 30)


def test_names_stay_text_and_many_numbers_become_numbers(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(gathering, "WORDS", 8)
    frame = visits().assign(patient=lambda f: f["patient"].str[1:].str.zfill(3))
    path = written(frame, tmp_path / "visits.csv")
    tasks = il.tasks.table(path, **HOW)
    assert "007" in {
        name for s in ("train", "validation", "test") for name in tasks.split(s).bank.names
    }
    table = open_table(path, content_of(path))
    held = gathering.gathered(table, ["score", "dose"])
    assert held["score"].dtype == float
    assert held["dose"].dtype == "category"
    np.testing.assert_allclose(held["score"], frame["score"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text + "p1,2\n1,2,3,4,5,6,7,8,9,10,11\n", "cannot be read as a table"),
        (lambda text: text + "p1,1,low,2020-01-01,yes,oops,1,ill\n", r"no finite number \(such as"),
        (lambda text: text + ",1,low,2020-01-01,yes,1,1,ill\n", r"'patient' is empty in 1 rows"),
        (lambda text: text.replace("age", "dose", 1), "'dose' stands there more than once"),
    ],
)
def test_what_is_wrong_is_one_sentence_here_too(tmp_path, cache, change, sentence):
    path = written(visits(), tmp_path / "bad.csv")
    path.write_text(change(path.read_text()))
    with pytest.raises(il.InputError, match=sentence) as caught:
        il.tasks.table(path, kind="regression", **HOW)
    assert "\n" not in str(caught.value)


def test_without_a_cache_all_of_it_is_held_in_memory(tmp_path, cache):
    Path(tmp_path / "cache").write_text("a file where the folder should be")
    path = written(visits(), tmp_path / "visits.csv")
    with pytest.warns(UserWarning, match="could not be kept in .* set INNERLOOP_CACHE to a folder"):
        tasks = il.tasks.table(path, **HOW)
    assert same(tasks, il.tasks.table(visits(), **HOW))
