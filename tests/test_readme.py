"""The README's Python runs as it stands there (in fewer steps), and both languages show the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import innerloop as il

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "README.zh-CN.md")
FEWER = {"steps=200": "steps=2", "episodes=100": "episodes=5"}


def blocks(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    five_lines, whole_way, own_data, use = blocks("README.md")
    for whole, fewer in FEWER.items():
        assert whole in whole_way
        whole_way = whole_way.replace(whole, fewer)
    names: dict = {}
    for code in (five_lines, whole_way):
        exec(compile(code, "README.md", "exec"), names)
    assert names["g"].losses.shape == (25,)
    assert set(names["new"].predict(names["x"])) <= {"a", "b"}
    x = il.tasks.digits(ways=2, shots=4).test.sample()[0].support.x
    names |= {"x": x[:4], "x2": x[4:6], "x3": x[6:]}
    exec(compile(use, "README.md", "exec"), names)
    assert names["new"].classes.tolist() == ["a", "b", "c"]
    for name in re.findall(r"il\.tasks\.(\w+)\(", own_data):
        assert callable(getattr(il.tasks, name))


def test_the_command_lines_name_what_there_is():
    from innerloop.cli.app import app

    registered = {c.name for c in app.registered_commands}
    registered |= {g.name for g in app.registered_groups}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^innerloop (\w+)", text, re.M)
    assert len(named) > 8
    assert set(named) <= registered


def test_both_languages_have_the_same_python():
    english, chinese = ([ast.dump(ast.parse(block)) for block in blocks(page)] for page in PAGES)
    assert english == chinese


def test_both_languages_have_the_same_command_lines():
    english, chinese = (
        [
            re.sub(r"\s+#.*", "", line)
            for line in (ROOT / page).read_text(encoding="utf-8").splitlines()
            if line.startswith(("innerloop ", "make "))
        ]
        for page in PAGES
    )
    assert len(english) > 10
    assert english == chinese
