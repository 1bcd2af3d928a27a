import numpy as np
import pytest
import torch
from bank_cases import numbered_bank

from innerloop import InputError
from innerloop.tasks import completion, digits
from innerloop.tasks.base import SPLITS
from innerloop.tasks.completion import CompletionStream, grid


def of_numbers(**settings):
    """Images whose first two pixels spell their class and their number in it."""
    stream = {"name": "completion/test", "shots": 9, "queries": 7, "bank": numbered_bank((2, 5, 3))}
    return CompletionStream(**stream | settings)


def whole(episode):
    """Position -> ink of all the pixels of a task."""
    x = torch.cat([episode.support.x, episode.query.x])
    y = torch.cat([episode.support.y, episode.query.y])
    return {tuple(place): float(ink[0]) for place, ink in zip(x.tolist(), y, strict=True)}


def test_the_pixels_of_support_and_query_make_one_image():
    """With as many rows as pixels, each pixel is there once, and the image can be read."""
    stream = of_numbers()
    seen = set()
    for episode in stream.sample(tasks=300):
        pixels = whole(episode)
        assert len(pixels) == 16
        first, second, *rest = (pixels[tuple(place)] for place in grid(4, 4).tolist())
        assert not any(rest)
        seen.add((round(first * 255), round(second * 255)))
    assert seen == {(c, n) for c, count in enumerate((2, 5, 3)) for n in range(count)}


def test_classes_and_pixels_are_equally_likely():
    stream = of_numbers(shots=3, queries=1, bank=numbered_bank((2, 5, 3)))
    numbers = np.arange(6000)
    drawn = stream.numbered(0, numbers)
    places = torch.cdist(drawn.query.x[:, 0], grid(4, 4)).argmin(1)
    often = torch.bincount(places, minlength=16)
    assert ((often - 375) ** 2 / 375).sum() < 37.7  # 15 degrees of freedom, one in a thousand
    named = np.array(stream.kind_names)[stream.kinds(0, numbers)]
    assert np.mean(named == "g0") == pytest.approx(2 / 3, abs=0.025)  # classes 0 and 2 of three


def test_kinds_are_what_the_images_say():
    stream = of_numbers()
    numbers = np.arange(100, 140)
    kinds = np.array(stream.kind_names)[stream.kinds(7, numbers)]
    for kind, episode in zip(kinds, stream.numbered(7, numbers), strict=True):
        number = round(whole(episode)[-1.0, -1.0] * 255)
        assert kind == f"g{number % 2}"


def test_one_group_alone_makes_classes_the_kinds():
    stream = completion(images="digits", size=8, shots=5, queries=5).test
    assert stream.kind_names == digits().test.bank.names
    assert set(stream.kinds(0, np.arange(200))) == set(range(10))


def test_batches_cut_one_sequence():
    stream = of_numbers(shots=(2, 6), queries=(1, 9))
    four, twos = stream.sample(3, 2, 4), [stream.sample(3, index, 2) for index in (4, 5)]
    assert torch.equal(four.query.y, torch.cat([two.query.y for two in twos]))
    assert torch.equal(four.support.x, torch.cat([two.support.x for two in twos]))


def test_scripts_of_one_split_are_in_no_other():
    names = [set(completion().split(split).kind_names) for split in SPLITS]
    assert sum(map(len, names)) == len(set.union(*names)) == 15


def test_more_pixels_than_an_image_has_are_refused():
    with pytest.raises(InputError, match="must fit the pixels of an image, 8 x 8 = 64, got 65"):
        completion(images="digits", size=8, shots=(2, 60), queries=5)


def test_an_unknown_source_is_refused():
    with pytest.raises(InputError, match="images must be one of glyphs, digits, omniglot, got 'x'"):
        completion(images="x")
