import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerloop.tasks.medicine.blocks import blocks, parts, splits_of
from innerloop.tasks.medicine.patients import Patient


def patients(links):
    return [
        Patient(str(n), ("HP:0000010",), disease=d, publication=p, folder=f)
        for n, (d, p, f) in enumerate(links)
    ]


LINKS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("12345"), st.sampled_from("GHIJ")),
    min_size=1,
)


@given(LINKS)
def test_what_shares_a_publication_or_a_folder_is_in_one_block(links):
    block = blocks(patients(links))
    for one in links:
        for other in links:
            if one[1] == other[1] or one[2] == other[2]:
                assert block[one[0]] == block[other[0]]


@given(LINKS, st.randoms())
def test_blocks_do_not_depend_on_the_order_of_patients(links, rng):
    mixed = list(links)
    rng.shuffle(mixed)
    assert blocks(patients(mixed)) == blocks(patients(links))


def test_diseases_without_a_link_stay_apart():
    assert len(set(blocks(patients([("a", "1", "G"), ("b", "2", "H")])).values())) == 2


@given(st.lists(st.integers(1, 6), max_size=7), st.integers(1, 6), st.integers(1, 6))
def test_parts_finds_a_parting_where_there_is_one(sizes, shots, queries):
    def sides():
        for bits in range(2 ** len(sizes)):
            yield sum(s for n, s in enumerate(sizes) if bits >> n & 1)

    assert parts(sizes, shots, queries) == any(
        side >= shots and sum(sizes) - side >= queries for side in sides()
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_only_rich_blocks_judge_and_no_split_shares_a_source(seed):
    rng = random.Random(seed)
    links = [
        (f"d{n}", f"p{n}{report}", f"g{n // 2}")
        for n in range(60)
        for report in range(1 if n % 3 else 2)
        for _ in range(rng.choice([5, 6]))
    ]
    people = patients(links)
    split = splits_of(people, seed)
    assert set(split.values()) == {"train", "validation", "test"}
    for source in ("publication", "folder"):
        held = {}
        for person in people:
            held.setdefault(getattr(person, source), set()).add(split[person.disease])
        assert all(len(found) == 1 for found in held.values())
    rich = {f"g{n // 2}" for n in range(0, 60, 3)}
    assert {p.folder for p in people if split[p.disease] != "train"} <= rich
