"""A file imports only from folders above it, so the order below is also the reading order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import innerloop

ROOT = Path(innerloop.__file__).parent
ORDER = [  # parts in one line do not import each other
    ("language",),
    ("errors",),
    ("arguments", "tree"),
    ("core", "devices"),
    ("losses",),
    ("likelihoods",),
    ("episodes",),
    ("tasks",),
    ("models",),
    ("inner",),
    ("outer",),
    ("algorithms",),
    ("evaluation",),
    ("training",),
    ("structure",),
    ("adapted",),
    ("reinforcement",),
    ("chat",),
    ("recipes",),
    ("report", "serve", "bench", "sklearn", "export"),
    ("cli",),
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
TOP = ("__init__", "__main__")  # may import everything
FILES = sorted(ROOT.rglob("*.py"))


def part(path: Path) -> str:
    """The folder, or for a file at the top its name."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The parts of innerloop that a file imports while it is read; what a function imports when
    it is called (a heavy package, or a door in a leaf) is counted as well."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names = [node.module or ""]
            if node.module == "innerloop":
                names = [f"innerloop.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("innerloop.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_from_folders_above_it(path):
    own = part(path)
    if own in TOP:
        return
    assert own in LEVEL, f"give {own} its place in the order"
    for other in imported(path):
        below = LEVEL.get(other, -1 if other == "__version__" else len(ORDER))
        assert below < LEVEL[own] or other == own, f"{own} stands above {other}"


def test_every_algorithm_is_one_line_in_the_table_and_a_name_of_the_package():
    for name, constructor in innerloop.ALGORITHMS.items():
        assert constructor.__name__ == name
        assert getattr(innerloop, name) is constructor
        assert constructor.__doc__
        assert ">>>" in constructor.__doc__


def test_every_model_is_one_line_in_its_table():
    for name, make in innerloop.models.MODELS.items():
        assert make.__name__ == name
        assert make(outputs=3).spec.name == name
