import pytest
import torch

from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.images.bank import ImageBank
from innerloop.tasks.images.cached import cached_bank, load_bank, save_bank


def bank():
    images = torch.arange(3 * 16, dtype=torch.uint8).view(3, 1, 4, 4)
    return ImageBank(images, (1, 2), ("Lao/ກ", "b"), ("Lao", "x"), {"Lao": {"faces": 2}})


def same(one, other):
    facts = ("counts", "names", "groups", "notes")
    return torch.equal(one.images, other.images) and all(
        getattr(one, f) == getattr(other, f) for f in facts
    )


def never():
    raise AssertionError("the bank should have come from the cache")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_bank_is_the_same_after_saving(tmp_path):
    save_bank(bank(), tmp_path / "deep" / "bank.safetensors")
    assert same(load_bank(tmp_path / "deep" / "bank.safetensors"), bank())


def test_the_second_time_nothing_is_made(folder):
    assert cache_folder() == folder
    assert same(cached_bank("key", bank), bank())
    assert same(cached_bank("key", never), bank())
    assert [file.name for file in (folder / "banks").iterdir()] == ["key.safetensors"]


def test_a_damaged_file_is_made_anew(folder):
    cached_bank("key", bank)
    file = folder / "banks" / "key.safetensors"
    file.write_bytes(file.read_bytes()[:20])
    assert same(cached_bank("key", bank), bank())
    assert same(load_bank(file), bank())


def test_a_cache_that_cannot_be_written_costs_a_warning_only(folder):
    folder.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be kept in .* set INNERLOOP_CACHE to a folder"):
        assert same(cached_bank("key", bank), bank())


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").touch()
    with pytest.raises(OSError, match="taken"):
        save_bank(bank(), tmp_path / "taken")  # a folder that is not empty cannot be replaced
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_progress_passes_everything_and_keeps_stdout_clean(capsys):
    assert list(progress(iter(range(5)), "counting", 5)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == ""
