"""A disk that is full, a place that is read-only: one sentence, exit 1 or 2, and what was there is
there as it was."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

import pytest
from scene import is_chinese, is_one_sentence, make, seen
from typer.testing import CliRunner

import innerloop as il
from innerloop import use_language
from innerloop.cli.app import app
from innerloop.export import onnx
from innerloop.training.files import CannotWrite

TRAIN = "train sinusoids --algorithm maml --model mlp --steps 3 --meta-batch 1 "
WRITERS = {
    "a new run": TRAIN + "--out new",
    "a run gone on with": "train sinusoids --algorithm maml --steps 9 --meta-batch 2 --seed 0 --out half --resume",
    "a task": "adapt sine --support good.npz --out new.task",
    "a task again": "adapt sine --support good.npz --out task",
    "answers": "predict task good.npz --out answers.csv",
    "images prepared": "train photos --size 8 --model mlp --steps 2 --out new",
    "a demo": "demo --out new",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make(tmp_path_factory.mktemp("disk"))
    begun = TRAIN.replace("--steps 3 --meta-batch 1", "--steps 3 --meta-batch 2 --seed 0")
    done = CliRunner().invoke(app, [*shlex.split(begun), "--out", str(root / "half")])
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture(params=[errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EROFS])
def number(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Path
) -> int:
    """Nothing can be flushed to the disk, nor a folder made in a read-only place."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(request.param, os.strerror(request.param), "place")

    monkeypatch.setattr(os, "fsync", refused)
    if request.param in (errno.EACCES, errno.EROFS):
        monkeypatch.setattr(os, "mkdir", refused)
    return int(request.param)


@pytest.mark.parametrize("line", WRITERS.values(), ids=WRITERS)
def test_commands_that_write(
    line: str, number: int, place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if line.startswith("demo") and number not in (errno.EACCES, errno.EROFS):
        pytest.skip("trains for minutes before it writes")
    monkeypatch.chdir(place)
    monkeypatch.setenv("INNERLOOP_CACHE", str(tmp_path / "cache"))
    before = seen(place)
    for language in ("en", "zh"):
        done = CliRunner().invoke(app, [*shlex.split(line), "--lang", language])
        use_language(None)
        *_, said = done.stderr.strip().splitlines()
        assert done.exit_code == (2 if number in (errno.EACCES, errno.EROFS) else 1), done.output
        assert is_one_sentence(said), said
        assert os.strerror(number) in said
        assert is_chinese(said) == (language == "zh")
    assert {p: s for p, s in seen(place).items() if "lock" not in p} == {
        p: s for p, s in before.items() if "lock" not in p
    }


@pytest.mark.parametrize("number", [errno.ENOSPC], indirect=True)
@pytest.mark.parametrize(
    "write",
    [
        lambda task, path: task.save(path),
        lambda task, path: onnx(task, path),
    ],
    ids=["save", "onnx"],
)
@pytest.mark.filterwarnings("ignore")
def test_calls_that_write(write, number: int, place: Path) -> None:
    task = il.load_adapted(place / "task")
    before = seen(place)
    with pytest.raises(CannotWrite, match=os.strerror(number)) as caught:
        write(task, place / "new")
    assert caught.value.exit_code == 1
    assert seen(place) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_really_read_only(place: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(CannotWrite, match="choose a folder"):
            il.load_adapted(place / "task").save(tmp_path / "task")
    finally:
        tmp_path.chmod(0o700)
