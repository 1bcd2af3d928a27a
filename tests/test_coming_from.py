"""The blocks of docs/coming-from that are ours run from top to bottom, in both languages alike."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[1] / "docs"
OURS = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
PAGES = ("coming-from.md", "coming-from.zh-CN.md")


def blocks(page: str) -> list[str]:
    return OURS.findall((DOCS / page).read_text(encoding="utf-8"))


def without_comments(code: str) -> str:
    return re.sub(r"\s*#.*", "", code)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_snippet_of_ours_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    first, second, *others = blocks(PAGES[0])
    for block in (first, second):
        exec(compile(block, PAGES[0], "exec"), names)
    again, new = (names[name].predict(names["x"]) for name in ("same", "new"))
    assert torch.allclose(again, new, atol=1e-6)
    for block in others:
        exec(compile(block, PAGES[0], "exec"), names)
    assert names["new"].classes.tolist() == ["a", "b", "c", "d"]
    assert names["new"].predict_proba(names["episode"].query.x).shape == (15, 4)
    assert (tmp_path / "sine.safetensors").is_file()
    assert tuple(names["episode"].support.x.shape) == (6, 1, 28, 28)
    assert names["logits"].shape == (15, 3)


def test_both_languages_have_the_same_code():
    english, chinese = ([without_comments(b) for b in blocks(page)] for page in PAGES)
    assert len(english) > 4
    assert english == chinese
