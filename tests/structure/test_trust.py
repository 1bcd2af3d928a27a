"""A calibration is kept in the run's folder, and read from there for tasks of the same shape."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import innerloop as il
from innerloop import Examples, InputError, structure
from innerloop.structure import trust
from innerloop.structure.trust import FOLDER, trust_of

LINES = il.tasks.linear()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure.calibration, "TASKS", 40)
    monkeypatch.setattr(structure.calibration, "FEW", 20)


def support(shots: int = 5) -> Examples:
    return LINES.test.replace(shots=shots).sample()[0].support


def asked(folder: Path | None, rows: Examples | None = None, **how):
    made = il.ridge(strength=how.pop("strength", 1.0))
    return trust_of(made, made.init(), LINES, rows or support(), folder=folder, **how)


def files(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).iterdir())


def never(*_, **__):
    raise AssertionError("calibrated again")


def test_it_is_made_once_and_read_from_then_on(tmp_path, monkeypatch):
    first = asked(tmp_path)
    assert len(files(tmp_path)) == 1
    monkeypatch.setattr(trust, "calibrate", never)
    again = asked(tmp_path)
    assert again.familiar_p == first.familiar_p
    assert torch.equal(again.limits, first.limits)
    other = LINES.test.replace(shots=5).sample(seed=9)[0].support  # another task of this shape
    assert asked(tmp_path, other).limits.equal(first.limits)


def test_what_it_depends_on_makes_another(tmp_path):
    for how in ({}, {"strength": 2.0}, {"rows": support(3)}, {"orders": 5}):
        asked(tmp_path, **how)
    assert len(files(tmp_path)) == 4


def test_without_a_folder_it_is_the_same(tmp_path):
    assert asked(None).limits.equal(asked(tmp_path).limits)
    assert asked(None).familiar_p == asked(tmp_path).familiar_p


def test_a_file_that_is_not_whole_is_made_again(tmp_path):
    first = asked(tmp_path)
    [path] = files(tmp_path)
    path.write_bytes(path.read_bytes()[:50])
    assert asked(tmp_path).limits.equal(first.limits)
    assert path.stat().st_size > 50


def test_a_task_unlike_the_family_has_a_small_p(tmp_path):
    usual = support()
    wild = Examples(usual.x, 50 * torch.sign(usual.x) * torch.cos(9 * usual.x))
    assert asked(tmp_path, wild).familiar_p < 0.05 < asked(tmp_path, usual).familiar_p


def test_what_is_missing_is_said():
    made = il.ridge()
    with pytest.raises(InputError, match="needs the meta-validation tasks of the run"):
        trust_of(made, made.init(), None, support())
    with pytest.raises(InputError, match="needs the task's examples"):
        trust_of(made, made.init(), LINES, None)


def test_a_folder_that_cannot_be_written_in_is_no_hindrance(tmp_path, monkeypatch):
    def full(*_):
        raise il.InnerloopError("the disk is full", "磁盘已满")

    monkeypatch.setattr(trust, "write_tensors", full)
    assert 0 < asked(tmp_path).familiar_p <= 1
