"""A folder as a user may have it, with what is right and what is wrong in it, and the rule for all
that is refused: one sentence in two languages, the right exit code, nothing left behind."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import innerloop as il
from innerloop import use_language
from innerloop.cli.app import app

QUICK = {"steps": 2, "meta_batch": 2, "validation_episodes": 2, "progress": False}


def make(root: Path) -> Path:
    """Photographs, tables, arrays, three runs and a task."""
    rng = np.random.default_rng(0)
    for name in [f"c{n:02d}" for n in range(12)]:
        for n in range(4):
            picture(root / "photos" / name / f"{n}.png", rng)
    for n in range(3):
        picture(root / "small" / "only" / f"{n}.png", rng)
    shutil.copytree(root / "photos", root / "torn")
    for file in (root / "torn").glob("*/*.png"):
        file.write_bytes(file.read_bytes()[:60])
    (root / "empty").mkdir()
    (root / "notes.txt").write_text("hello")
    lines = ["patient,age,dose,score,ill"]
    for patient in range(20):
        for _ in range(8):
            age, dose = rng.normal(60, 9), rng.choice(["low", "high", ""])
            ill = "yes" if rng.random() < 0.5 else "no"
            lines.append(f"p{patient},{age:.2f},{dose},{age + 3 * rng.normal():.2f},{ill}")
    tables = {
        "visits": lines,
        "headless": lines[:1],
        "nothing": [],
        "single": [lines[0], *(f"p{n},{n},low,{n}.5,yes" for n in range(20))],
        "ragged": [*lines[:9], "p1,1,low,3,yes,7,8"],
        "twice": ["patient,age,age,score", *(f"p{n % 4},1,2,{n}" for n in range(32))],
        "one": [lines[0], *(line.replace(line.split(",")[0], "p0", 1) for line in lines[1:9])],
    }
    for name, rows in tables.items():
        (root / f"{name}.csv").write_text("".join(f"{row}\n" for row in rows))
    (root / "bad.parquet").write_bytes(b"PAR1 no")
    (root / "bytes.csv").write_bytes(bytes(range(256)) * 4)
    x = np.linspace(-3, 3, 8)[:, None]
    np.savez(root / "good.npz", x=x, y=np.sin(x))
    np.savez(root / "nan.npz", x=x, y=np.where(x > 2, np.nan, x))
    np.savez(root / "text.npz", x=x, y=np.array(["a"] * 8))
    np.savez(root / "wide.npz", x=np.zeros((8, 3)), y=np.sin(x))
    np.savez(root / "long.npz", x=x, y=np.zeros(9))
    np.savez(root / "only_x.npz", x=x)
    np.save(root / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (root / "bad.npz").write_bytes(b"PK no")
    (root / "splits.csv").write_text("name,split\nc00,train\nc01,trian\n")
    (root / "my_things.py").write_text(
        "import torch\n\n\ndef three(rng):\n    return 1, 2, 3\n\n\ndef word():\n    return 'net'\n\n\n"
        "def wide():\n    return torch.nn.Linear(7, 7)\n\n\ndef one(rng):\n    return [[1.0]], [1.0]\n"
    )
    sine = il.maml(il.models.mlp(1, 1, hidden=4), inner_lr=0.01)
    il.train(sine, il.tasks.sinusoids(), out=root / "sine", **QUICK)
    digits = il.protonet(il.models.mlp(784, None, hidden=4))
    il.train(digits, il.tasks.digits(), out=root / "digits", **QUICK)
    tasks = il.tasks.table(root / "visits.csv", task="patient", target="score", drop="ill", shots=3)
    ridge = il.ridge(il.models.mlp(tasks.input_shape[0], None, hidden=4))
    il.train(ridge, tasks, out=root / "clinic", **QUICK)
    il.load(root / "sine").adapt(x, np.sin(x)).save(root / "task")
    return root


def picture(path: Path, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(path)


def seen(root: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and when it was written."""
    files = (p for p in root.rglob("*") if "__pycache__" not in p.parts)
    return {
        str(p): (p.stat().st_size, p.stat().st_mtime_ns) if p.is_file() else (0, 0) for p in files
    }


def is_one_sentence(text: str) -> bool:
    return "\n" not in text and "Traceback" not in text and text.rstrip()[-1:] in ".?。？"


def is_chinese(text: str) -> bool:
    return any("一" <= letter <= "鿿" for letter in text)


def refused(call: Callable[[], object], words: str, root: Path, code: int = 2) -> None:
    """The call ends in an error of ours whose sentence has the words, and leaves no trace."""
    before = seen(root)
    with pytest.raises(il.InnerloopError) as caught:
        call()
    error = caught.value
    assert error.exit_code == code, error
    assert words in error.en, error.en
    for text in (error.en, error.zh):
        assert is_one_sentence(text), text
    assert is_chinese(error.zh), error.zh
    assert seen(root) == before


def refused_command(line: str, words: str, root: Path, code: int = 2) -> None:
    """The same of a command, in both languages."""
    before = seen(root)
    for language in ("en", "zh"):
        done = CliRunner().invoke(app, [*shlex.split(line), "--lang", language])
        use_language(None)
        assert done.exit_code == code, (done.output, done.exception)
        said = done.stderr.strip()
        assert is_one_sentence(said), said
        assert words in said if language == "en" else is_chinese(said), said
        assert done.stdout == "", done.stdout
    assert seen(root) == before


def numbers(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))
