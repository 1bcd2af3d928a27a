import io

import numpy as np
import pytest
from PIL import Image

from innerloop import InputError
from innerloop.tasks import data, omniglot
from innerloop.tasks.base import SPLITS
from innerloop.tasks.omniglot import read_bank, resized


@pytest.fixture(scope="module")
def vinyals(omniglot_root):
    return omniglot()


@pytest.fixture(scope="module")
def background(omniglot_root):
    return omniglot(split="background", rotations=False)


def sizes(tasks):
    return [len(tasks.split(split).bank) for split in SPLITS]


def test_classes_per_split_are_the_published_ones(vinyals, background):
    assert sizes(vinyals) == [4 * 1028, 172, 423]
    assert sizes(background) == [792, 172, 659]
    assert set(vinyals.train.bank.counts) == {20}


@pytest.mark.parametrize("family", ["vinyals", "background"])
def test_no_class_is_in_two_splits(family, request):
    tasks = request.getfixturevalue(family)
    names = [set(tasks.split(split).bank.names) for split in SPLITS]
    assert len(set.union(*names)) == sum(len(n) for n in names)


def test_background_shares_no_alphabet_and_vinyals_one(vinyals, background):
    def shared(tasks):
        train, test = ({*tasks.split(split).bank.groups} for split in ("train", "test"))
        return train & test

    assert shared(background) == set()
    assert shared(vinyals) == {"Gurmukhi"}


def test_test_classes_are_upright_unless_asked_otherwise(vinyals):
    assert not any("°" in name for name in vinyals.test.bank.names)
    turned = omniglot(rotated_test=True)
    assert sizes(turned) == [4112, 688, 1692]


def test_images_are_thin_ink_on_background(vinyals):
    share = vinyals.test.bank.images.float().mean() / 255
    assert 0.04 < share < 0.12
    assert vinyals.test.bank.names[0] == "Gurmukhi/42"


def test_sixty_ways_are_drawn_at_once(vinyals):
    episodes = vinyals.train.replace(ways=60, shots=1, queries=1).sample()
    assert episodes.support.x.shape == (1, 60, 1, 28, 28)
    assert len(set(episodes.classes[0].tolist())) == 60


def test_the_status_counts_the_images(omniglot_root):
    """That they are the published ones is what loading them has just checked."""
    status = data.status("omniglot")
    assert (status.present, status.items) == (True, 32_460)


def test_an_unknown_split_lists_the_known_ones():
    with pytest.raises(InputError, match="must be one of vinyals, background, got 'lake'"):
        omniglot(split="lake")


def test_images_that_differ_from_the_published_ones_are_refused(tmp_path):
    folder = tmp_path / "images_background" / "Korean" / "character01"
    folder.mkdir(parents=True)
    (folder / "x.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"images as published, but its 1 images differ"):
        read_bank([tmp_path / "images_background", tmp_path], 28)


def test_black_on_white_becomes_ink_on_background():
    pixels = np.ones((105, 105), bool)
    pixels[30:60, 30:60] = False
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    image = resized(file.getvalue(), 28)
    assert image.shape == (28, 28)
    assert image[12, 12] == 255
    assert image[0, 0] == 0
