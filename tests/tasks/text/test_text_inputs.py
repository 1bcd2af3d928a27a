"""Sentences as users have them, and what is wrong with some of them in one sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from innerloop import InputError
from innerloop.tasks.inputs import inputs_from_json, inputs_to_json
from innerloop.tasks.text import TextInputs
from innerloop.tasks.text.reading import read_texts

TWO = ["wake me up", "叫我起床"]


def test_sentences_in_any_shape_are_the_same_rows():
    inputs = TextInputs("ngrams")
    rows = inputs.x(TWO)
    forms = (tuple(TWO), np.array(TWO), pd.Series(TWO), pd.DataFrame({"n": [1, 2], "Text": TWO}))
    for raw in (*forms, [{"text": TWO[0]}, {"text": TWO[1]}]):
        assert torch.equal(inputs.x(raw), rows)
    assert torch.equal(inputs.x(TWO[0]), rows[:1])
    assert inputs.x([]).shape == (0, 4096)


def test_inputs_are_saved_as_json_and_made_again():
    inputs = TextInputs("ngrams")
    assert inputs_from_json(inputs_to_json(inputs)) == inputs


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            ["fine", " "],
            r"a text must not be empty, but row 1 \(counted from 0\) is; leave it out.",
        ),
        (["fine", 3], r"a text must be a string, but row 1 \(counted from 0\) is 3; write it as"),
        (["fine", None], "but row 1 .* is None"),
        (5, "but row 0 .* is 5"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "which column holds the text"),
    ],
)
def test_what_is_no_text_is_refused_in_one_sentence(raw, said):
    with pytest.raises(InputError, match=said):
        TextInputs("ngrams").x(raw)


def test_a_very_long_text_is_read_as_far_as_it_says_something():
    long = "call my mother " * 700
    with pytest.warns(UserWarning, match="a text is read up to 2,000 characters, and 1 are longer"):
        rows = TextInputs("ngrams").x(["call my mother", long])
    assert rows.shape[0] == 2
    assert rows[1].isfinite().all()


def written(folder, name, content, encoding="utf-8"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text,label\n"wake me, please",alarm\n叫我起床,alarm\nplay,music\n'),
        ("a.tsv", "utterance\tintent\nwake me, please\talarm\n叫我起床\talarm\nplay\tmusic\n"),
        ("b.csv", "id;label;text\n1;alarm;wake me, please\n2;alarm;叫我起床\n3;music;play\n"),
        (
            "a.jsonl",
            '{"text": "wake me, please", "label": "alarm"}\n{"text": "叫我起床", "label": '
            '"alarm"}\n\n{"text": "play", "label": "music"}\n',
        ),
        (
            "a.json",
            '[{"text": "wake me, please", "label": "alarm"},\n{"text": "叫我起床", "label": '
            '"alarm"}, {"text": "play", "label": "music"}]',
        ),
        ("a.txt", "text\tlabel\nwake me, please\talarm\n叫我起床\talarm\nplay\tmusic\n"),
    ],
)
def test_files_of_every_form_hold_the_same(tmp_path, name, content):
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        found = read_texts(written(tmp_path, name, content, encoding))
        assert found.texts == ["wake me, please", "叫我起床", "play"]
        assert found.labels == ["alarm", "alarm", "music"]
        assert found.remarks == ()


def test_a_text_file_to_be_answered_has_a_sentence_per_line(tmp_path):
    path = written(tmp_path, "asked.txt", "wake me, please\n\nplay\n")
    assert read_texts(path, labelled=False).texts == ["wake me, please", "play"]


def test_rows_without_a_text_or_a_label_are_left_out_and_told_of(tmp_path):
    path = written(tmp_path, "a.csv", "text,label\nwake,alarm\n,alarm\nplay,\n  ,x\nstop,music\n")
    found = read_texts(path)
    assert found.texts == ["wake", "stop"]
    assert "2 rows without 'text' are left out, first row 2" in found.remarks[0]
    assert "1 rows without 'label' are left out, first row 3" in found.remarks[1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"text,label\ncaf\xe9 au lait,x\n\xff\xfe\x00,y\n", "neither UTF-8 nor GB18030"),
        ("a.csv", "words,kind\na,b\n", "which column of .* holds the text. It has words, kind"),
        (
            "a.csv",
            "text,kind\na,b\n",
            "holds the labels. It has text, kind; name it with label_col",
        ),
        ("a.csv", "text,label\n,\n", "holds no rows; give"),
        ("a.csv", "text,label\nhello,\n", "holds no row with text and label"),
        ("a.jsonl", '{"text": "a"', "must hold an object per line .* but line 1 is"),
        ("a.jsonl", '{"text": ["a"], "label": "x"}', "must hold text, but row 1 has"),
        (
            "a.jsonl",
            '{"text": "a", "label": "x"}\n{"text": "b", "label": 3}',
            "one kind of value, but 'label' of .* has text and, in row 2, 3",
        ),
        ("a.jsonl", '{"text": 7, "label": "x"}', "one kind of value, but 'text' of .* row 1, 7"),
        ("a.pdf", "x", r"must be one of \.csv, .* got 'a.pdf'"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, name, content, said):
    with pytest.raises(InputError, match=said):
        read_texts(written(tmp_path, name, content))


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = written(tmp_path, "a.csv", "text,label\na,b\n")
    with pytest.raises(InputError, match=r"has text, label, got 'labels'; did you mean label\?"):
        read_texts(path, label="labels")
    with pytest.raises(InputError, match="there is no file"):
        read_texts(tmp_path / "none.csv")
