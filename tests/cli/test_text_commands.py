"""A file of sentences from the command line: checked, trained on, adapted to, asked."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from innerloop.cli.app import app

TINY = ["--steps", "2", "--meta-batch", "2", "--validate-every", "0", "--encoder", "ngrams"]
VERBS = ("wake", "call", "play", "book", "pay", "send", "find", "stop")
THINGS = ("alarm", "mother", "song", "table", "bill")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def result(*arguments: object) -> dict:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def write(path: Path, names: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path


ROWS = [
    (f"please {verb} {more} {thing}", f"{verb} {thing}", thing)
    for thing in THINGS
    for verb in VERBS
    for more in ("my", "the", "that", "a new", "one more")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("text")


@pytest.fixture(scope="module")
def own(folder: Path) -> Path:
    return write(folder / "own.csv", ("text", "label", "domain"), ROWS)


@pytest.fixture(scope="module")
def trained(folder: Path, own: Path) -> Path:
    result("train", own, "--algorithm", "protonet", *TINY, "--out", folder / "run")
    return folder / "run"


def test_a_file_of_sentences_is_checked_before_any_training(own: Path) -> None:
    facts = result("tasks", "check", own, "--encoder", "ngrams")
    assert sum(held["classes"] for held in facts["splits"].values()) == 40
    grouped = result("tasks", "check", own, "--task-column", "domain", "--encoder", "ngrams")
    assert sum(len(held.get("groups", "1")) for held in grouped["splits"].values()) == 5


def test_other_columns_are_named_by_options(folder: Path) -> None:
    path = write(folder / "other.csv", ("said", "meant", "where"), ROWS)
    columns = ["--text-column", "said", "--label-column", "meant"]
    train = ["train", path, "--algorithm", "ridge", *TINY, "--out", folder / "other"]
    assert result(*train, *columns)["steps"] == 2
    misspelt = run(*train[:-1], folder / "third", "--text-column", "say", *columns[2:])
    assert misspelt.exit_code == 2
    assert "which has said, meant, where, got 'say'" in misspelt.output


def test_a_table_with_a_text_column_stays_a_table_where_a_task_is_named(own: Path) -> None:
    refused = run("train", own, "--task", "domain", "--target", "label", "--steps", "2")
    assert "a table needs a feature that varies" in refused.output


def test_sentences_are_adapted_to_and_answered(folder: Path, trained: Path) -> None:
    taught = [
        ("wake me up", "alarm", ""),
        ("set an alarm", "alarm", ""),
        ("play a song", "music", ""),
    ]
    support = write(folder / "support.csv", ("text", "label", "n"), taught)
    adapted = result(
        "adapt", trained, "--support", support, "--out", folder / "a.safetensors", "--no-calibrate"
    )
    assert adapted["classes"] == ["alarm", "music"]
    asked = folder / "asked.txt"
    asked.write_text("wake me\nplay song\n", encoding="utf-8")
    lines = folder / "asked.jsonl"
    lines.write_text('{"text": "set alarms"}\n', encoding="utf-8")
    found = result("predict", folder / "a.safetensors", asked, lines)
    assert found["predictions"] == ["alarm", "music", "alarm"]
    assert found["inputs"] == ["wake me", "play song", "set alarms"]


def test_a_run_of_sentences_is_evaluated_beside_what_needs_no_training(trained: Path) -> None:
    scores = result("evaluate", trained, "--episodes", "10")
    assert scores["metric"] == "accuracy"
    assert "nearest centroid" in scores["baselines"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text,label\n,x\n", "holds no row with text and label"),
        (b"text,label\ncaf\xe9 au lait,x\n\xff\xfe\x00,y\n", "neither UTF-8 nor GB18030"),
        (b"label,n\nx,1\n", "which column of .* holds the text"),
    ],
)
def test_what_cannot_be_adapted_to_is_one_sentence(
    folder: Path, trained: Path, content: bytes, said: str
) -> None:
    import re

    bad = folder / "bad.csv"
    bad.write_bytes(content)
    done = run("adapt", trained, "--support", bad, "--out", folder / "b.safetensors")
    assert done.exit_code == 2
    assert re.search(said, done.output)
    assert len(done.output.strip().splitlines()) == 1
    assert not (folder / "b.safetensors").exists()
