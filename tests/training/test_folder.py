import errno
import json
import os

import pytest
import torch
from training_cases import small_course, states_of

import innerloop as il
from innerloop.training import files
from innerloop.training.files import read_tensors, write_atomically, write_tensors
from innerloop.training.folder import RunFolder
from innerloop.training.state import same_bits


@pytest.fixture(scope="module")
def states():
    return states_of(small_course(ema=0.5, steps=4, validate_every=2))[1]


def test_a_checkpoint_holds_the_state_bit_by_bit(tmp_path, states):
    folder = RunFolder(tmp_path)
    for state in states:
        folder.save(state, "name")
        assert same_bits(folder.newest(), state)
        assert folder.newest()._replace(row=state.row).verdict is state.verdict
    assert [path.name for path in folder.checkpoints()] == [
        "step-4.safetensors",
        "step-3.safetensors",
    ]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, states, damage):
    folder = RunFolder(tmp_path)
    folder.save(states[1], "name")
    folder.save(states[2], "name")
    newest = folder.checkpoints()[0]
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    kept = {"cut": bytes(content[: len(content) // 2]), "flipped": bytes(content), "empty": b""}
    newest.write_bytes(kept[damage])
    assert same_bits(folder.newest(), states[1])


def test_damage_everywhere_is_an_error(tmp_path, states):
    folder = RunFolder(tmp_path)
    folder.save(states[1], "name")
    folder.checkpoints()[0].write_bytes(b"x")
    with pytest.raises(il.InputError, match=r"is damaged or not a file of innerloop"):
        folder.newest()


def test_a_torn_line_and_later_lines_of_the_history_are_cut(tmp_path):
    folder = RunFolder(tmp_path)
    for step in range(4):
        folder.append({"step": step})
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in folder.read_history()] == [0, 1, 2, 3]
    folder.cut_history(2)
    folder.append({"step": 2})
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 1, 2]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch, moment):
    path = tmp_path / "settings.json"
    write_atomically(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, moment, full)
    with pytest.raises(il.InnerloopError) as caught:
        write_atomically(path, b"new")
    assert str(caught.value) == (
        f"Cannot write '{path}': No space left on device; free some space or choose another "
        "folder. What was saved before is whole."
    )
    assert caught.value.exit_code == 1
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["settings.json"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(il.InnerloopError, match=r"Cannot use .*(Not a directory|File exists)"):
        write_atomically(tmp_path / "file" / "run" / "settings.json", b"")


def test_tensors_of_every_type_come_back(tmp_path):
    tensors = {
        "half": torch.randn(3).bfloat16(),
        "double": torch.randn(2, 2, dtype=torch.float64),
        "count": torch.tensor(3),
        "none": torch.zeros(0),
        "view": torch.arange(6).view(2, 3).t(),
    }
    write_tensors(tmp_path / "x", tensors, {"é": [1, None]})
    again, values = read_tensors(tmp_path / "x")
    assert values == {"é": [1, None]}
    assert all(
        torch.equal(again[n], leaf) and again[n].dtype == leaf.dtype for n, leaf in tensors.items()
    )


def test_a_format_of_the_future_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", "innerloop 9")
    write_tensors(tmp_path / "x", {}, {})
    monkeypatch.undo()
    with pytest.raises(il.InputError, match="has the format 'innerloop 9', this version reads"):
        read_tensors(tmp_path / "x")
