"""Families of sentences: the same episodes for the same seed, classes and languages of a split in no
other, and nothing that is judged was seen before."""

from __future__ import annotations

import warnings

import pytest
import torch
from text_cases import rows, write_csv

import innerloop as il
from innerloop import InputError
from innerloop.tasks.base import SPLITS
from innerloop.tasks.text.sets import clinc150, published, xsid
from innerloop.tasks.text.sets.sentences import letters


@pytest.fixture(scope="module")
def sets(data_root):
    if not (data_root / "clinc150" / "data").is_dir():
        pytest.skip("needs CLINC150 and others under the data root: innerloop data fetch clinc150")


@pytest.fixture(scope="module")
def families(sets):
    return {
        name: getattr(il.tasks, name)(encoder="ngrams")
        for name in ("clinc150", "banking77", "hwu64", "xsid")
    }


@pytest.fixture
def own(tmp_path):
    return write_csv(tmp_path / "own.csv")


def same(a, b):
    return torch.equal(a.support.x, b.support.x) and torch.equal(a.query.x, b.query.x)


def test_episodes_are_addressed_by_seed_and_index(families):
    for tasks in families.values():
        whole = tasks.test.sample(seed=3, index=0, tasks=4)
        part = tasks.test.sample(seed=3, index=1, tasks=2)
        assert same(whole[2:], part)
        assert not same(whole[:2], part)
        assert whole.support.x.shape == (4, 5, 4096)


def test_intents_of_a_split_are_in_no_other(families):
    for name, tasks in families.items():
        held = [set(tasks.split(split).bank.names) for split in SPLITS]
        assert sum(map(len, held)) == len(set.union(*held)), name
        texts = [set(map(letters, tasks.split(split).bank.texts)) for split in SPLITS]
        assert len(texts[0] & texts[2]) <= 0.01 * len(texts[2]), name


def test_domains_of_a_split_are_in_no_other(families):
    for name, sizes in (("clinc150", (75, 30, 45)), ("hwu64", None)):
        groups = [set(families[name].split(split).bank.groups) for split in SPLITS]
        assert sum(map(len, groups)) == len(set.union(*groups))
        counts = tuple(families[name].split(split).class_count for split in SPLITS)
        assert sizes in (None, counts)


def test_a_task_may_be_one_domain(sets):
    tasks = il.tasks.clinc150(domains="one", ways=15, encoder="ngrams")
    groups = tasks.test.bank.groups
    for episode in tasks.test.sample(tasks=4):
        assert len({groups[c] for c in episode.classes.tolist()}) == 1


def test_a_task_of_xsid_is_one_language_and_its_sentence_was_seen_in_none(families):
    tasks = families["xsid"]
    assert tasks.test.kind_names == ("da", "gsw", "kk", "lt", "nap", "no", "sr")
    episodes = tasks.test.sample(tasks=60)
    kinds = tasks.test.kinds(0, range(60))
    groups = tasks.test.bank.groups
    for t in range(60):
        found = {groups[c] for c in episodes.classes[t].tolist()}
        assert found == {tasks.test.kind_names[kinds[t]]}
    assert set(kinds.tolist()) == set(range(7))
    held = xsid.read()
    trained = {letters(s.original) for s in held["train"]}
    for split in ("validation", "test"):
        originals = [(s.group, letters(s.original)) for s in held[split]]
        assert len(set(originals)) == len(originals)
        assert not trained & {original for _, original in originals}


def test_unseen_intents_of_xsid_are_in_no_language_of_meta_training(sets):
    tasks = il.tasks.xsid(intents="unseen", encoder="ngrams")
    intents = [{name.split("/")[1] for name in tasks.split(s).bank.names} for s in SPLITS]
    assert intents[0] == intents[1]
    assert not intents[0] & intents[2]
    assert len(intents[2]) >= 5


def test_out_of_scope_sentences_are_of_no_intent(sets):
    apart = il.tasks.out_of_scope()
    assert {split: len(texts) for split, texts in apart.items()} == {
        "validation": 200,
        "test": 1000,
    }
    known = {letters(s.text) for s in clinc150.read()}
    assert len(known & {letters(text) for text in apart["test"]}) <= 5


@pytest.mark.parametrize(("name", "ways", "asked"), [("banking77", 77, 3080), ("hwu64", 64, 1076)])
def test_full_way_is_the_published_task(sets, name, ways, asked):
    tasks = il.tasks.full_way(data=name, encoder="ngrams")
    [episode] = tasks.test.sample(tasks=1)
    assert tuple(episode.support.y.bincount().tolist()) == (5,) * ways
    assert len(episode.query.y) == asked
    assert tasks.outputs == ways
    again = tasks.test.sample(seed=9, index=4, tasks=2)
    assert torch.equal(again.query.x[1], episode.query.x)
    texts = {letters(s.text) for s in published.read(name, "test")}
    assert not texts & {letters(text) for text in tasks.train.bank.texts}
    assert name not in tasks.train.bank.groups
    with pytest.raises(InputError, match=f"as it was published, {ways} ways and 5 shots"):
        tasks.replace(shots=1)


def test_an_own_file_is_a_family(own):
    tasks = il.tasks.text(own, encoder="ngrams", shots=2, queries=4)
    assert tasks.train.sample(tasks=3).query.x.shape == (3, 20, 4096)
    assert sum(tasks.split(split).class_count for split in SPLITS) == 80
    assert il.tasks.text(**tasks.settings).test.sample().classes.equal(tasks.test.sample().classes)


def test_labels_of_a_task_of_an_own_file_are_of_one_group(own):
    tasks = il.tasks.text(own, task_column="domain", encoder="ngrams", queries=4)
    groups = [set(tasks.split(split).bank.groups) for split in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups))
    for episode in tasks.train.sample(tasks=8):
        assert len({tasks.train.bank.groups[c] for c in episode.classes.tolist()}) == 1


def test_repeated_sentences_and_small_labels_are_left_out_and_told_of(tmp_path):
    made = [*rows(), ("hello there", "rare", "song"), *rows()[:7]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tasks = il.tasks.text(write_csv(tmp_path / "a.csv", made), encoder="ngrams")
    assert any("7 sentences stand there more than once" in str(w.message) for w in caught)
    names = {name for split in SPLITS for name in tasks.split(split).bank.names}
    assert any("labels left out: 1, first 'rare' with 1 of the 2" in str(w.message) for w in caught)
    assert "rare" not in names
    assert len(names) == 80


@pytest.mark.parametrize(
    ("made", "how", "said"),
    [
        (
            [("a", "x", "p"), ("b", "y", "p")],
            {},
            r"needs two labels .* 0 can be used \('x' has 1\)",
        ),
        ([(f"s{n}", "only", "p") for n in range(30)], {}, "of the 1 labels in own.csv 1 can be"),
        (
            [(f"{d}{n}", d, d) for d in "abcdefgh" for n in range(9)],
            {"task_column": "domain"},
            "or leave the task column out",
        ),
        (
            [*((f"{d} {n}", d, "one") for d in "ab" for n in range(9)), *(("c", "d", "two"),) * 9],
            {"task_column": "domain"},
            "in the column 'domain' of own.csv only 'one' has them",
        ),
        (rows(), {"task_column": "domains"}, r"got 'domains'; did you mean domain\?"),
        (rows(), {"ways": 70}, "70-way tasks need at least 140 classes"),
    ],
)
def test_what_cannot_be_tasks_is_one_sentence(tmp_path, made, how, said):
    with pytest.raises(InputError, match=said):
        il.tasks.text(write_csv(tmp_path / "own.csv", made), encoder="ngrams", **how)
