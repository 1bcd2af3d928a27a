import pytest
import torch

from innerloop import InputError
from innerloop.tasks import glyphs, show
from innerloop.tasks.base import SPLITS
from innerloop.tasks.fonts import draw_all, font_files, letters
from innerloop.tasks.glyphs import SCRIPTS, distinct


@pytest.fixture(scope="module")
def tasks():
    return glyphs()


@pytest.fixture(scope="module")
def banks(tasks):
    return {split: tasks.split(split).bank for split in SPLITS}


def test_no_class_and_no_script_is_in_two_splits(banks):
    for kind in ("names", "groups"):
        sets = [set(getattr(banks[split], kind)) for split in SPLITS]
        assert len(set.union(*sets)) == sum(len(s) for s in sets)


def test_scripts_are_where_the_file_says(banks):
    for split in SPLITS:
        assert set(banks[split].groups) == set(SCRIPTS[split])


def test_classes_are_many_and_have_twenty_images(banks):
    assert len(banks["train"]) > 1500
    assert len(banks["validation"]) >= 50
    assert len(banks["test"]) >= 100
    assert all(min(bank.counts) >= 20 for bank in banks.values())


def test_no_image_is_empty_or_a_blot(banks):
    for bank in banks.values():
        ink = bank.images.float().mean((1, 2, 3)) / 255
        assert bank.images.amax((1, 2, 3)).min() > 100
        assert ink.min() > 0.01
        assert ink.max() < 0.6


def test_look_alikes_are_one_class(banks):
    names = {name for bank in banks.values() for name in bank.names}
    assert {"Latin/A", "Latin/O", "Latin/C", "Cyrillic/Б", "Greek/Δ"} <= names
    gone = {"Greek/Α", "Cyrillic/А", "Latin/o", "Latin/c", "Armenian/Օ", "Cyrillic/о", "Lisu/ꓮ"}
    assert not gone & names


def test_a_turned_letter_that_looks_like_another_is_no_class(banks):
    names = set(banks["train"].names)
    assert {"Latin/A 90°", "Cyrillic/Ж 90°"} <= names
    assert not {"Latin/O 180°", "Latin/N 180°", "Latin/H 180°", "Latin/M 180°"} & names


def test_held_out_letters_are_upright(banks):
    assert not any("°" in name for split in ("validation", "test") for name in banks[split].names)


def glyph_of(name):
    """ "Latin/A 90°" -> ("A", 1)"""
    letter, _, degrees = name.split("/")[1].partition(" ")
    return letter, int(degrees.removesuffix("°") or 0) // 90


def test_held_out_letters_resemble_no_training_class(banks):
    sans = next(file for file in font_files() if file.stem == "DejaVuSans")
    seen, new = ([*map(glyph_of, banks[split].names)] for split in ("train", "test"))
    inks = draw_all(sans, letters(sans).keys() & {letter for letter, _ in seen + new})
    drawn = {(c, q): inks[c].rot90(q) for c, q in seen + new if c in inks}
    kept = distinct({"DejaVuSans": drawn}, [*drawn], held_out=set(new))
    assert len(drawn) > 1500
    assert kept == [*drawn]


def test_there_are_no_digits(banks):
    characters = {name.split("/")[1][0] for bank in banks.values() for name in bank.names}
    assert not any(character.isnumeric() for character in characters)


def test_without_rotations_the_other_splits_stay_the_same(banks):
    upright = glyphs(rotations=False)
    assert not any("°" in name for name in upright.train.bank.names)
    assert upright.test.bank.names == banks["test"].names


def test_the_cache_gives_the_same_images(banks):
    again = glyphs().test.bank
    assert torch.equal(again.images, banks["test"].images)
    assert again.notes == banks["test"].notes


def test_show_tells_classes_and_faces_per_script(tasks):
    groups = show(tasks)["splits"]["test"]["groups"]
    assert groups["Georgian"]["faces"] == 12
    assert groups["Georgian"]["classes"] > 20


def test_distinct_keeps_the_first_of_a_kind():
    first, other = torch.zeros(40, 40, dtype=torch.uint8), torch.zeros(40, 40, dtype=torch.uint8)
    first[5:35, 10:20] = 255
    other[10:20, 5:35] = 255
    drawn = {
        "one": {("a", 0): first, ("b", 0): other, ("c", 0): first},
        "two": {("b", 0): other, ("d", 0): other, ("e", 0): first},
    }
    order = [(c, 0) for c in "abcde"]
    assert distinct(drawn, order, held_out=set()) == [("a", 0), ("b", 0), ("e", 0)]


def test_more_ways_than_classes_is_refused(tasks):
    with pytest.raises(InputError, match=r"glyphs/validation has \d+ classes, got 600 ways; lower"):
        tasks.replace(ways=600)
