import unicodedata

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from innerloop.tasks.fonts import BOX, draw_all, font_files, letters, script_of, vary

SANS = next(file for file in font_files() if file.stem == "DejaVuSans")


@given(st.characters())
def test_a_base_letter_is_a_letter_that_stands_for_itself(character):
    if script_of(character) is not None:
        assert unicodedata.category(character) in ("Lu", "Ll", "Lo")
        assert unicodedata.normalize("NFKD", character) == character
        assert " WITH " not in unicodedata.name(character)


@pytest.mark.parametrize("other", ["é", "7", "ﬀ", "ɓ", "ª", "𝐀", "Ⅷ", "!", "\0"])
def test_accents_digits_ligatures_and_signs_are_not_base_letters(other):
    assert script_of(other) is None


def test_the_faces_are_dejavu_and_stix_without_last_resort_and_display():
    names = [file.stem for file in font_files()]
    assert len(names) == 16
    assert not any("Display" in name or "LastResort" in name for name in names)


def test_letters_know_their_scripts():
    found = letters(SANS)
    assert (found["A"], found["б"], found["ա"], found["ᐃ"]) == (
        "Latin",
        "Cyrillic",
        "Armenian",
        "Canadian Syllabics",
    )


def test_a_letter_fills_its_box_and_a_dot_is_left_out():
    drawn = draw_all(SANS, ["A", "o", "W", "ᐧ"])  # the last one is a dot
    assert list(drawn) == ["A", "o", "W"]
    for ink in drawn.values():
        rows, columns = (ink > 60).any(1).nonzero(), (ink > 60).any(0).nonzero()
        assert ink.dtype == torch.uint8
        assert max(len(rows), len(columns)) >= BOX - 1


@given(st.integers(0, 2**31), st.sampled_from([16, 28, 84]))
def test_variations_keep_the_ink_inside_and_follow_their_numbers(seed, size):
    ink = draw_all(SANS, ["A", "o"])
    ink = torch.stack([ink["A"], ink["o"]])
    unit = torch.rand(2, 7, generator=torch.Generator().manual_seed(seed))
    varied = vary(ink, unit, size)
    assert varied.shape == (2, 1, size, size)
    assert torch.equal(varied, vary(ink, unit, size))
    share = varied.float().mean((1, 2, 3)) / 255
    assert ((share > 0.03) & (share < 0.5)).all()


def test_the_middle_variation_is_upright_and_centred():
    ink = draw_all(SANS, ["o"])["o"][None]
    image = vary(ink, torch.full((1, 7), 0.5), 28)[0, 0].float()
    assert (image - image.flip(1)).abs().mean() < 4
    assert (image - image.flip(0)).abs().mean() < 4
