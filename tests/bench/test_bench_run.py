"""The whole bench: what its JSON holds, its tables, its picture, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from innerloop import use_language
from innerloop.bench.asked import PARTS, chosen_contenders, chosen_parts
from innerloop.bench.contenders import CONTENDERS
from innerloop.bench.picture import draw
from innerloop.bench.run import bench
from innerloop.bench.serving import Served, serve
from innerloop.bench.supply import Supply
from innerloop.cli.app import app
from innerloop.cli.bench_tables import notes, tables

runner = CliRunner()


def run(*arguments: str | Path) -> Result:
    return runner.invoke(app, ["bench", *map(str, arguments)])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """A real one, short: ours and the plain loop on the smallest workload."""
    folder = tmp_path_factory.mktemp("bench")
    done = run(
        *("--only", "sinusoid-k1", "--against", "plain", "--quick", "--minutes", "0.001"),
        *("--cores", "1", "--out", folder, "--json"),
    )
    assert done.exit_code == 0, done.output
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 1
    told = json.loads(lines[0])
    kept = json.loads((folder / "bench.json").read_text())
    assert {k: v for k, v in told.items() if k != "picture"} == kept
    assert Path(told["picture"]).read_bytes().startswith(b"\x89PNG")
    return told


def test_the_json_says_what_a_figure_is_worth(found: dict) -> None:
    assert found.keys() >= {"date", "minutes", "machine", "versions", "settings", "contenders"}
    assert found["machine"].keys() >= {"processor", "cores", "memory_gb", "system", "gflops"}
    assert found["settings"].keys() >= {"cores", "seed", "quick", "float64_tolerance"}
    assert found["versions"].keys() >= {"python", "torch", "numpy", "innerloop", "jax", "higher"}
    assert found["contenders"] == ["innerloop", "plain"]
    speed = found["speed"]["sinusoid-k1"]
    assert speed["settings"]["tasks"] == 25
    ours, plain = speed["contenders"]["innerloop"], speed["contenders"]["plain"]
    for row in (ours, plain):
        assert row["status"] == "ok"
        assert row["float64_error"] <= found["settings"]["float64_tolerance"]
        assert row["float32_error"] < 1e-3
        assert row["tasks_per_second"] == pytest.approx(25 / row["seconds_median"])
        assert row["first_seconds"] > 0
        assert row["peak_mb"] >= row["idle_mb"] > 10
        assert 0 < row["share_of_gemm_peak"] < 1
    assert plain["ours_is_times_faster"] > 0
    assert ours["how"]


def test_missing_peers_are_listed_not_an_error(
    found: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("higher", "learn2learn"):
        missing = replace(CONTENDERS[name], packages=("a_package_that_nobody_has",))
        monkeypatch.setitem(CONTENDERS, name, missing)
    assert bench([], quick=True)["absent"][:1] == ["higher"]
    done = run("--list", "--json")
    assert done.exit_code == 0
    listed = json.loads(done.stdout)
    assert listed["parts"] == PARTS
    assert listed["contenders"]["higher"] is None
    assert listed["contenders"]["plain"]
    assert "not installed" in run("--list").stdout
    said = list(notes({**found, "contenders": ["innerloop", "higher"], "absent": ["higher"]}))
    assert said[0].startswith("Not installed: higher. pip install 'innerloop[peers]' brings")


def test_tables_and_picture_take_every_part(found: dict, tmp_path: Path) -> None:
    bad = {"status": "wrong", "error": "its gradient differs"}
    rows = {**found["speed"]["sinusoid-k1"]["contenders"], "higher": bad}
    whole = {
        **found,
        "contenders": ["innerloop", "plain", "higher"],
        "absent": [],
        "speed": {"sinusoid-k1": {**found["speed"]["sinusoid-k1"], "contenders": rows}},
        "memory": {
            "plain": {
                "megabytes": {"1": 50.0, "5": 90.0},
                "left_out": {"100": "no answer"},
                "mb_per_inner_step": 10.0,
            }
        },
        "supply": {"sinusoids": {"steps": 2, "drawing": 0.1, "learning": 0.9, "share": 0.1}},
        "serving": {"maml": vars(Served(error="KeyError: x"))},
    }
    assert [len(table.rows) for table in tables(whole)] == [1, 1, 1, 1, 1]
    said = list(notes(whole))
    assert "sinusoid-k1, higher: its gradient differs." in said
    assert "memory, plain, 100 steps: no answer." in said
    assert "maml: KeyError: x." in said
    assert draw(tmp_path / "new" / "all.png", whole) == tmp_path / "new" / "all.png"
    assert draw(tmp_path / "none.png", {**whole, "speed": {}, "memory": {}}) is None


def test_serving_counts_bytes_and_tasks() -> None:
    anil, maml = (serve(name, tasks=2, width=8) for name in ("anil", "maml"))
    assert anil.error is maml.error is None
    assert anil.tasks == 2
    assert 0 < (anil.bytes or 0) < (maml.bytes or 0)
    assert min(anil.milliseconds or 0, anil.together or 0, anil.answers_per_second or 0) > 0
    assert "KeyError" in str(serve("nobody").error)


def test_the_share_of_supply() -> None:
    assert Supply(10, drawing=1.0, learning=3.0).share == 0.25


def test_a_part_asked_for_out_of_order_runs_in_the_order_of_the_list() -> None:
    assert chosen_parts(["memory", "conv4-k1"]) == ["conv4-k1", "memory"]
    assert [c.name for c in chosen_contenders(["plain", "innerloop"])] == [
        "innerloop",
        "plain",
    ]


REFUSED = [
    (["--only", "conv4-k2"], "--only must be one of", "did you mean conv4-k5?"),
    (["--only", " , "], "--only needs at least one name", "innerloop bench --list shows them."),
    (["--against", "jaxx"], "--against must be one of", "did you mean jax?"),
    (["--minutes", "0"], "--minutes is the time of the rounds", "got 0.0; 20 is usual."),
    (["--minutes", "nan"], "--minutes is the time of the rounds", "got nan; 20 is usual."),
    (["--cores", "0"], "--cores must be from 1 to", "got 0; write --cores 1."),
    (["--cores", "many"], "--cores must be a whole number", "got 'many'"),
]


@pytest.mark.parametrize(("arguments", "begins", "holds"), REFUSED)
def test_bad_options_are_one_sentence(
    arguments: list[str], begins: str, holds: str, tmp_path: Path
) -> None:
    done = run(*arguments, "--out", tmp_path)
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith(begins)
    assert holds in done.stderr
    assert not list(tmp_path.iterdir())
    try:
        use_language("zh")
        zh = run(*arguments, "--out", tmp_path)
    finally:
        use_language(None)
    assert zh.exit_code == 2
    assert zh.stderr != done.stderr


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    done = run("--only", "supply", "--out", file)
    assert done.exit_code == 2
    assert "--out must be a folder" in done.stderr
    assert file.read_text() == "mine"


def test_help_ends_with_an_example() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "Example: innerloop bench --quick" in text
