import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerloop import InputError
from innerloop.tasks.splitting import by_hash, given_split, split_word
from innerloop.tasks.units import divide

names = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=60, unique=True)


@given(names, st.integers(1, 6), st.integers(0, 99))
def test_every_split_has_enough_where_that_can_be(names, least, seed):
    split = by_hash(dict.fromkeys(names, 1), least=least, seed=seed)
    assert (split is None) == (len(names) < 3 * least)
    if split is not None:
        assert set(split) == set(names)
        assert min(Counter(split.values()).values()) >= least
        assert len(set(split.values())) == 3


@given(names, st.text(min_size=1), st.integers(0, 99))
def test_a_new_name_moves_no_other(names, new, seed):
    def natural(names):
        return by_hash(dict.fromkeys(names, 1), least=0, seed=seed)

    before, after = natural(names), natural([*names, new])
    assert {n: after[n] for n in names} == before


def test_shares_are_about_64_16_20():
    split = by_hash({str(n): 1 for n in range(5000)}, least=5)
    counts = Counter(split.values())
    assert abs(counts["train"] - 3200) < 120
    assert abs(counts["validation"] - 800) < 90


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 9), min_size=3), st.integers(1, 5))
def test_groups_count_with_their_classes(weights, least):
    split = by_hash(weights, least=least)
    if split is not None:
        for part in ("train", "validation", "test"):
            assert sum(weights[n] for n, s in split.items() if s == part) >= least


@pytest.mark.parametrize(
    ("count", "ways"), [(40, 5), (15, 5), (14, 4), (9, 3), (6, 2), (5, 2), (4, 2)]
)
def test_ways_are_as_many_as_the_classes_allow(count, ways):
    division = divide([f"c{n}" for n in range(count)], None)
    assert division.ways == ways
    assert division.shared == (count < 6)
    parts = [set(division.classes(s)) for s in ("train", "validation", "test")]
    assert not parts[0] & parts[2]
    assert division.shared or not (parts[0] & parts[1] or parts[1] & parts[2])
    assert all(len(part) >= ways for part in parts)
    assert bool(division.remarks) == division.shared


def test_too_few_classes_are_refused_in_a_sentence():
    with pytest.raises(
        InputError,
        match=r"5-way tasks need at least 10 classes.*there are 9; lower ways to 4, or add",
    ):
        divide([f"c{n}" for n in range(9)], 5)
    with pytest.raises(
        InputError, match=r"2-way tasks need at least 4 classes.*are 3; add classes"
    ):
        divide(["a", "b", "c"], None)


def test_groups_stay_together_where_there_are_enough():
    names = [f"g{g}/c{c}" for g in range(9) for c in range(6)]
    division = divide(names, None)
    assert division.by == "group"
    where = {}
    for name, split in division.split.items():
        assert where.setdefault(name[:2], split) == split
    assert divide(names, None, by="class").by == "class"
    assert divide(names[:12], None).by == "class"  # two groups make no three splits
    with pytest.raises(InputError, match="by='group' needs classes in folders of groups"):
        divide(["a", "b", "c", "d"], None, by="group")


SAID = {"g0": "train", "g1/a": "val", "g1/b": "TEST"}
NAMES = ["g0/a", "g0/b", "g1/a", "g1/b", "g2/a"]
MEANT = {"g0/a": "train", "g0/b": "train", "g1/a": "validation", "g1/b": "test"}


def test_splits_may_be_given_by_class_or_group_as_a_mapping_or_file(tmp_path):
    lists = {"train": ["g0"], "validation": ["g1/a"], "test": ["g1/b"]}
    (tmp_path / "s.csv").write_text(
        "name,split\n" + "\n".join(f"{n}, {s}" for n, s in SAID.items())
    )
    (tmp_path / "s.json").write_text(json.dumps(lists))
    for source in (SAID, lists, tmp_path / "s.csv", str(tmp_path / "s.json")):
        assert given_split(source, NAMES, 0) == MEANT
    division = divide(NAMES, None, splits=SAID)
    assert "1 classes are in no split and are left out, first 'g2/a'" in division.remarks[0]


def test_a_fifth_of_train_becomes_validation():
    split = given_split(
        {"train": [f"{n}" for n in range(10)], "test": ["x"]}, [*map(str, range(10)), "x"], 0
    )
    assert Counter(split.values()) == {"train": 8, "validation": 2, "test": 1}


WRONG = [
    ({"g0": "training", "g1": "exam"}, "must be train, validation or test, got 'exam' for 'g1'"),
    ({"g0": "train", "g11": "test"}, "'g11' is none; did you mean 'g1'?"),
    ({"g0": "train"}, "every split needs classes of its own, but validation has none"),
    ("nowhere.csv", "there is no file 'nowhere.csv'; check its path"),
]


@pytest.mark.parametrize(("source", "sentence"), WRONG)
def test_wrong_splits_are_refused(source, sentence):
    with pytest.raises(InputError) as caught:
        given_split(source, NAMES, 0)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"g0": '])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(
        InputError, match=r"must hold a line name,split per class, or a JSON object"
    ):
        given_split(tmp_path / "s.json", NAMES, 0)


def test_words_for_splits():
    assert [split_word(w) for w in ("Train", "meta_val", "dev", "cats")] == [
        *("train", "validation", "validation", None)
    ]
