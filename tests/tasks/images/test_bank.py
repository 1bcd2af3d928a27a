import numpy as np
import pytest
import torch
from bank_cases import WIDTH, numbered_bank, spelt
from hypothesis import given
from hypothesis import strategies as st

from innerloop import InputError, use_language
from innerloop.tasks.images.bank import ImageBank, ImageStream, image_tasks


def stream(bank, ways=3, shots=2, queries=3):
    return ImageStream(name="toy/train", ways=ways, shots=shots, queries=queries, bank=bank)


@st.composite
def streams(draw):
    shots, queries = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    least = shots + queries
    counts = draw(st.lists(st.integers(least, least + 9), min_size=2, max_size=9))
    return stream(numbered_bank(counts), draw(st.integers(2, len(counts))), shots, queries)


@given(streams(), st.integers(0, 2**32), st.integers(0, 9), st.integers(1, 4))
def test_support_and_query_hold_the_classes_they_name_and_share_no_image(s, seed, index, tasks):
    episodes = s.sample(seed, index, tasks)
    support, query = spelt(episodes.support.x), spelt(episodes.query.x)
    assert support.shape[:2] == (tasks, s.ways * s.shots)
    assert query.shape[:2] == (tasks, s.ways * s.queries)
    for side, examples in ((support, episodes.support), (query, episodes.query)):
        assert (side[..., 0] == episodes.classes.gather(1, examples.y)).all()
        assert examples.ways == s.ways
    for images in torch.cat([support, query], 1).tolist():
        assert len({tuple(image) for image in images}) == len(images)
    for classes in episodes.classes.tolist():
        assert len(set(classes)) == s.ways


@given(streams(), st.integers(0, 2**32), st.integers(0, 9))
def test_batches_cut_one_sequence(s, seed, index):
    four = s.sample(seed, index, 4)
    twos = [s.sample(seed, 2 * index + half, 2) for half in (0, 1)]
    for leaf in (lambda e: e.support.x, lambda e: e.query.x, lambda e: e.classes, lambda e: e.task):
        assert torch.equal(leaf(four), torch.cat([leaf(two) for two in twos]))


def test_an_episode_is_a_function_of_seed_and_index():
    s = stream(numbered_bank([9] * 20))
    first, again, other = s.sample(1, 5), s.sample(1, 5), s.sample(2, 5)
    assert torch.equal(first.query.x, again.query.x)
    assert torch.equal(first.classes, again.classes)
    assert not torch.equal(first.classes, other.classes)


def test_x_is_ink_between_0_and_1_and_y_counts_every_class_alike():
    bank = numbered_bank([9] * 5)
    bank.images[:, :, 3, 3] = 255
    episodes = stream(bank).sample(tasks=2)
    assert episodes.support.x.dtype == torch.float32
    assert (episodes.support.x[..., 3, 3] == 1).all()
    assert episodes.support.y.dtype == torch.int64
    assert episodes.support.y.tolist() == [[0, 0, 1, 1, 2, 2]] * 2


def test_classes_and_images_are_drawn_evenly():
    episodes = stream(numbered_bank([5, 7, 9, 11]), ways=2, shots=1, queries=1).sample(tasks=8000)
    seen = torch.bincount(episodes.classes.flatten(), minlength=4)
    assert ((seen - 4000).abs() < 200).all()
    first = spelt(episodes.support.x).flatten(0, 1)
    of_first_class = torch.bincount(first[first[:, 0] == 0, 1], minlength=5)
    assert ((of_first_class - 800).abs() < 120).all()


def test_describe_names_the_classes():
    s = stream(numbered_bank([9] * 3))
    name = s.describe(s.sample(index=4), 0)
    assert name.startswith("toy/train task 4: ")
    assert all(f"g{c % 2}/{c:02d}" in name for c in range(3))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.data())
def test_select_keeps_images_with_their_classes(counts, data):
    bank = numbered_bank(counts)
    chosen = data.draw(st.permutations(range(len(counts))))
    part = bank.select(chosen)
    assert part.counts == tuple(counts[c] for c in chosen)
    for place, number in enumerate(chosen):
        assert torch.equal(part.of(place), bank.of(number))
        assert part.names[place] == bank.names[number]


def test_turned_classes_come_after_the_upright_ones():
    bank = numbered_bank([2, 3])
    turned = bank.with_rotations()
    assert turned.names[:3] == ("g0/00", "g1/01", "g0/00 90°")
    for quarter in range(4):
        expected = np.rot90(bank.of(1).numpy(), quarter, (-2, -1))
        assert (turned.of(1 + 2 * quarter).numpy() == expected).all()


def test_summary_counts_by_group():
    assert numbered_bank([2, 3, 4]).summary() == {
        "classes": 3,
        "images": 9,
        "groups": {"g0": {"classes": 2, "images": 6}, "g1": {"classes": 1, "images": 3}},
    }


def test_a_bank_whose_counts_do_not_fit_is_refused():
    with pytest.raises(InputError, match=r"^a bank needs a count, a name and a group per class"):
        ImageBank(torch.zeros(3, 1, 4, 4, dtype=torch.uint8), (2,), ("a",), ("a",))


REFUSED = [
    (
        {"shots": 5, "queries": 16},
        "shots + queries must fit the smallest class: 'g1/01' has 20 images, got 5 + 16; "
        "lower queries.",
    ),
    (
        {"shots": 20},
        "shots + queries must fit the smallest class: 'g1/01' has 20 images, got 20 + 3; "
        "lower shots.",
    ),
    (
        {"ways": 4},
        "ways must not exceed the classes of a split: toy/train has 3 classes, got 4 ways; "
        "lower ways.",
    ),
    (
        {"queries": 0},
        "queries must be at least 1, got 0; a task needs classes to tell apart, and examples of each.",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
def test_replace_refuses_what_a_bank_cannot_give(changes, sentence):
    with pytest.raises(InputError) as caught:
        stream(numbered_bank([30, 20, 30])).replace(**changes)
    assert str(caught.value) == sentence


def test_errors_speak_chinese():
    use_language("zh")
    try:
        with pytest.raises(InputError, match="不能超过最小类别的样本数：“g0/00”有 5 张图像"):
            stream(numbered_bank([5, 9]), ways=2, shots=3, queries=3)
    finally:
        use_language(None)


def test_a_family_follows_its_bank_and_its_ways():
    bank = numbered_bank([9] * 6)
    banks = dict.fromkeys(("train", "validation", "test"), bank)
    tasks = image_tasks("toy", banks, ways=2, shots=1, queries=2, size=WIDTH)
    assert tasks.input_shape == (1, WIDTH, WIDTH)
    assert tasks.settings == {"ways": 2, "shots": 1, "queries": 2, "size": WIDTH}
    wider = tasks.replace(ways=5)
    assert (tasks.outputs, wider.outputs, wider.settings["ways"]) == (2, 5, 5)
    assert tasks.train.class_count == 6
