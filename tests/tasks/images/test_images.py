"""A folder of images as tasks."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_cases import folder, many, picture

import innerloop as il
from innerloop import InputError
from innerloop.tasks import images
from innerloop.tasks.base import SPLITS
from innerloop.tasks.images import prepared
from innerloop.tasks.images.facts import image_facts


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def names(tasks, split):
    return set(tasks.split(split).bank.names)


def test_classes_of_a_folder_become_disjoint_splits(tmp_path):
    tasks = images(folder(tmp_path / "x", many(30)), size=16)
    parts = [names(tasks, split) for split in SPLITS]
    assert set.union(*parts) == set(many(30))
    assert sum(map(len, parts)) == 30
    assert tasks.input_shape == (3, 16, 16)
    assert (tasks.train.ways, tasks.notes) == (5, ())
    episode = tasks.train.sample()[0]
    assert episode.support.x.shape == (5, 3, 16, 16)
    number = int(episode.classes[0])
    name = tasks.train.bank.names[number]
    own = torch.stack([tasks.inputs.x(p)[0] for p in sorted((tmp_path / "x" / name).iterdir())])
    assert any(torch.equal(episode.support.x[0], image) for image in own)
    assert tasks.inputs.settings == {"channels": 3, "size": 16, "fit": "stretch"}


def test_a_new_class_moves_no_other(tmp_path):
    root = folder(tmp_path / "x", many(30))
    before = images(root, ways=2, size=8)
    folder(root, {"another": 6})
    after = images(root, ways=2, size=8)
    for split in SPLITS:
        assert names(before, split) == names(after, split) - {"another"}


def test_a_family_is_rebuilt_from_its_settings_and_notices_a_change(tmp_path):
    root = folder(tmp_path / "x", many(12))
    tasks = images(root, ways=(2, 3), shots=(1, 2), splits=None)
    settings = json.loads(json.dumps(tasks.settings))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = il.tasks.TASKS["images"](**settings)
    assert torch.equal(again.test.sample(3).query.x, tasks.test.sample(3).query.x)
    picture(999).save(root / "c00" / "000.png")
    with pytest.warns(UserWarning, match="no longer those that the run was made with"):
        il.tasks.TASKS["images"](**settings)


def test_groups_and_named_folders(tmp_path):
    grouped = {f"g{g}/c{c}": 4 for g in range(8) for c in range(4)}
    tasks = images(folder(tmp_path / "g", grouped), size=8, ways=3)
    groups = [set(tasks.split(s).bank.groups) for s in SPLITS]
    assert sum(map(len, groups)) == 8
    named = {f"{s}/{s}{c}": 4 for s in ("train", "val", "test") for c in range(3)}
    tasks = images(folder(tmp_path / "n", named), size=8)
    assert names(tasks, "validation") == {"val0", "val1", "val2"}
    assert tasks.train.ways == 3
    mixed = {f"{s}/c{c}": 4 for s in ("train", "test") for c in range(6)}
    with pytest.warns(UserWarning, match="6 classes in more than one of the folders train"):
        tasks = images(folder(tmp_path / "m", mixed), size=8)
    assert not names(tasks, "train") & names(tasks, "test")
    assert tasks.train.bank.counts[0] == 8


def test_colour_and_size_are_guessed_from_the_images(tmp_path):
    grey = images(folder(tmp_path / "grey", many(12), mode="L"))
    assert grey.input_shape == (1, 28, 28)
    assert images(folder(tmp_path / "colour", many(12))).input_shape == (3, 28, 28)


def test_what_is_wrong_is_named_and_left_out(tmp_path):
    root = folder(tmp_path / "x", {**many(12), "紫": 6, "one": 1, "broken": 1})
    (root / "c00" / "bad.png").write_bytes((root / "c00" / "000.png").read_bytes()[:60])
    (root / "c00" / ".DS_Store").write_text("x")
    (root / "c00" / "notes.txt").write_text("x")
    (root / "broken" / "000.png").write_bytes(b"nothing")
    (root / "void").mkdir()
    picture(5).save(root / "loose.png")
    (root / "c01" / "link.png").symlink_to(root / "nowhere.png")
    picture(7777).save(tmp_path / "outside.png")
    (root / "c02" / "linked.png").symlink_to(tmp_path / "outside.png")
    (root / "c03" / "loop").symlink_to(root)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tasks = images(root, ways=3, size=8)
    said = "\n".join(tasks.notes)
    assert {str(w.message) for w in caught} == set(tasks.notes)
    assert "3 images left out as unreadable, first 'broken/000.png'" in said
    assert "2 folders left out for want of an image that can be read: 'void', 'broken'" in said
    assert "1 image left out, outside any class folder: 'loose.png'" in said
    assert "shots + queries = 1 + 1 examples and are left out ('one')" in said
    counts = {
        n: c
        for s in SPLITS
        for n, c in zip(tasks.split(s).bank.names, tasks.split(s).bank.counts, strict=True)
    }
    assert (counts["c00"], counts["c01"], counts["c02"], counts["c03"]) == (6, 6, 7, 6)
    assert counts["紫"] == 6
    facts = image_facts(root, ways=3, size=8)
    assert facts["ready"]
    assert (facts["not_images"], facts["hidden"], facts["unreadable_count"]) == (1, 1, 3)
    assert facts["small"] == ["one"]
    assert set(facts["wrong"]) == set(tasks.notes)


def test_check_finds_the_same_image_twice(tmp_path):
    root = folder(tmp_path / "x", many(12))
    tasks = images(root, ways=2, size=8)
    a, b = sorted(names(tasks, "train"))[:2]
    c = min(names(tasks, "test"))
    same = (root / a / "000.png").read_bytes()
    for place in (a, b, c):
        (root / place / "again.png").write_bytes(same)
    facts = image_facts(root, ways=2, size=8)
    assert [len(facts["duplicates"][kind]) for kind in ("class", "classes", "splits")] == [1, 1, 1]
    assert sum("in two splits" in sentence for sentence in facts["wrong"]) == 1


def test_check_says_why_one_cannot_train(tmp_path):
    facts = image_facts(folder(tmp_path / "x", many(5)), ways=5)
    assert not facts["ready"]
    assert "5-way tasks need at least 10 classes" in facts["problem"]
    assert facts["classes"] == 5


def refused(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert sentence in str(caught.value)


def test_folders_that_are_none_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    side_by_side = tmp_path / "loose"
    side_by_side.mkdir()
    picture(0).save(side_by_side / "a.png")
    bad = folder(tmp_path / "bad", many(4, images=1))
    for file in bad.rglob("*.png"):
        file.write_bytes(b"x")
    refused(lambda: images(tmp_path / "nowhere"), "there is no folder")
    refused(lambda: images(tmp_path / "file.txt"), "is a file; give the folder")
    refused(lambda: images(tmp_path / "empty"), "there is no image in it (0 other files)")
    refused(lambda: images(side_by_side), "make a folder for each class")
    refused(lambda: images(bad), "none of the 4 images")
    good = folder(tmp_path / "good", many(12))
    refused(
        lambda: images(good, size=7), "size must be an even number of 4 to 10,000 pixels, got 7"
    )
    refused(
        lambda: images(good, fit="squash"), "fit must be one of stretch, crop, pad, got 'squash'"
    )
    refused(lambda: images(good, by="colour"), "by must be one of class, group, all, got 'colour'")
    refused(lambda: images(good, shots=9), "the smallest, 'c")


def test_a_preparation_that_is_killed_goes_on_where_it_stopped(tmp_path, cache, monkeypatch):
    root = folder(tmp_path / "x", many(12))
    monkeypatch.setattr(prepared, "AT_ONCE", 5)
    expected = images(root, size=8).train.bank
    for file in (cache / "images").rglob("*"):
        file.is_file() and file.unlink()
    made, row, kills = [], prepared.prepared_row, [33]

    def killed(path, how):
        made.append(path)
        if len(made) in kills:
            raise KeyboardInterrupt
        return row(path, how)

    monkeypatch.setattr(prepared, "prepared_row", killed)
    with pytest.raises(KeyboardInterrupt):
        images(root, size=8)
    [place] = (cache / "images").iterdir()
    assert not (place / "whole.json").exists()
    with (place / "rows.npy").open("ab") as file:
        file.write(b"half an image")
    again = images(root, size=8).train.bank
    assert len(made) == 33 + 72 - 30
    assert torch.equal(again.images, expected.images)
    made.clear()
    kills.clear()
    images(root, size=8)
    assert made == []
    (place / "rows.npy").write_bytes(b"damaged")
    assert torch.equal(images(root, size=8).train.bank.images, expected.images)
    assert len(made) == 72


def test_splits_share_one_file_that_is_mapped_to_memory(tmp_path, cache):
    tasks = images(folder(tmp_path / "x", many(12)), size=8)
    banks = [tasks.split(split).bank for split in SPLITS]
    assert len({bank.images.data_ptr() for bank in banks}) == 1
    [file] = (cache / "images").rglob("*.npy")
    maps = Path("/proc/self/maps")
    assert not maps.exists() or str(file) in maps.read_text()
    assert torch.from_numpy(np.load(file)).equal(banks[0].images)


def test_without_a_cache_images_are_held_in_memory(tmp_path, cache):
    cache.write_text("a file where the folder should be")
    root = folder(tmp_path / "x", many(12))
    with pytest.warns(UserWarning, match="could not be kept in .* set INNERLOOP_CACHE"):
        tasks = images(root, size=8)
    assert tasks.train.sample().support.x.shape[-1] == 8
