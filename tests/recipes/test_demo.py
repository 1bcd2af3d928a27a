"""The demo, small: all rows on the same episodes, plain words where a baseline is not beaten."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from innerloop.cli import demo as command
from innerloop.cli.app import app
from innerloop.evaluation import Scores
from innerloop.recipes import demo as recipe
from innerloop.recipes.demo import PLACES, RIVALS, Demo, Size, learnt
from innerloop.report.demo import draw_demo

TINY = Size(maml_steps=2, protonet_steps=2, finetune_steps=2, episodes=3, inner_steps=2)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return recipe.demo(tmp_path_factory.mktemp("demo"), size=TINY, tell=lambda _: None)


def test_every_row_is_judged_on_the_same_episodes(found: Demo) -> None:
    for by_shots in found.scores.values():
        for shots, table in by_shots.items():
            assert table.keys() == {"protonet", "maml", *RIVALS}
            assert {(s.split, s.seed, s.shots, s.episodes) for s in table.values()} == {
                (table["maml"].split, 0, shots, 3)
            }


def test_runs_are_kept_and_can_be_loaded(found: Demo) -> None:
    assert all((run.folder / "meta.safetensors").is_file() for run in found.runs.values())
    assert found.to_json()["results"].keys() == PLACES.keys()


def test_the_picture_is_drawn(found: Demo, tmp_path: Path) -> None:
    picture = draw_demo(tmp_path / "demo.png", found, episodes=2)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000


def scores(values: list[float]) -> Scores:
    return Scores(
        name="x",
        metric="accuracy",
        values=torch.tensor(values, dtype=torch.float64),
        nll=torch.zeros(len(values)),
        failed=0,
        reliability=None,
        milliseconds=1.0,
        transductive=False,
        split="s",
        seed=0,
        ways=5,
        shots=1,
        queries=5,
    )


def test_a_learner_that_does_not_beat_a_baseline_is_named() -> None:
    high, low = scores([0.9, 0.8, 0.9, 1.0]), scores([0.2, 0.3, 0.2, 0.3])
    row = dict.fromkeys(("protonet", *RIVALS), low) | {"protonet": high, "fine-tuned": high}
    row["maml"] = low
    text = learnt({place: {1: row} for place in PLACES})
    assert "1-shot, protonet does not beat: fine-tuned." in text
    assert f"1-shot, maml does not beat: {', '.join(RIVALS)}." in text


def test_the_command_prints_the_table_and_keeps_an_earlier_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = lambda out, **given: recipe.demo(out, **given | {"workers": 1}, size=TINY)  # noqa: E731
    monkeypatch.setattr(command, "run_demo", small)
    monkeypatch.setattr(command, "draw_demo", lambda path, *_, **__: path)
    (tmp_path / "demo").mkdir()
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert done.exit_code == 0, done.output
    assert "nearest neighbour" in done.stdout
    assert (tmp_path / "demo-2" / "maml" / "settings.json").is_file()
    assert not list((tmp_path / "demo").iterdir())
