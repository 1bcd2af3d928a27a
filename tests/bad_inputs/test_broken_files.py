"""Run folders and files of adapted tasks that were cut short, changed, or written by others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file
from scene import make, refused, refused_command, seen

import innerloop as il
from innerloop.training.files import FORMAT, content_digest

Harm = Callable[[Path], Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("broken"))


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Path:
    shutil.copytree(place / "sine", tmp_path / "run")
    return tmp_path / "run"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff{]" * 9)


def turned(path: Path) -> None:
    """One byte in the middle is another."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + 40] ^= 0x55
    path.write_bytes(bytes(content))


def removed(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def newer(path: Path) -> None:
    rewritten(path, form="innerloop 2")


def rewritten(path: Path, form: str = FORMAT, **changes: Any) -> None:
    """The same file with other values in it, and a digest that fits."""
    with safe_open(path, framework="pt") as file:
        tensors = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
        values = json.loads(file.metadata()["values"])
    values = {n: v for n, v in {**values, **changes}.items() if v != "gone"}
    text = json.dumps(values)
    digest = content_digest(tensors, text)
    save_file(tensors, path, {"format": form, "values": text, "digest": digest})


HARMS: list[Harm] = [cut, emptied, garbage, turned, removed, a_folder, newer]


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_result_is_said_where_it_cannot_be_done_without(run: Path, harm: Harm) -> None:
    harm(run / "meta.safetensors")
    if harm in (removed, a_folder):  # its newest checkpoint counts
        assert il.load(run).steps == 2
        return
    refused(lambda: il.load(run), "meta.safetensors", run)


@pytest.mark.parametrize("harm", HARMS)
def test_without_a_result_the_older_checkpoint_steps_in(run: Path, harm: Harm) -> None:
    (run / "meta.safetensors").unlink()
    newest, *older = sorted((run / "state").glob("step-*"), reverse=True)
    assert len(older) == 1
    harm(newest)
    assert il.load(run).steps == 0
    harm(older[0])
    words = "holds no weights yet" if harm is removed else "step-"
    refused(lambda: il.load(run), words, run)


SETTINGS: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("no_algorithm", lambda s: s.pop("algorithm"), "settings.json"),
    ("no_model", lambda s: s.pop("model"), "settings.json"),
    ("no_settings", lambda s: s.pop("settings"), "settings.json"),
    ("no_tasks", lambda s: s.pop("tasks"), "settings.json"),
    ("no_training", lambda s: s.pop("training"), "settings.json"),
    ("other_algorithm", lambda s: s.update(algorithm="mamll"), "mamll"),
    ("algorithm_number", lambda s: s.update(algorithm=3), "3"),
    ("algorithm_list", lambda s: s.update(algorithm=["maml"]), "settings.json"),
    ("settings_list", lambda s: s.update(settings=[1]), "settings.json"),
    ("unknown_setting", lambda s: s["settings"].update(inner_stepz=3), "inner_stepz"),
    ("wrong_value", lambda s: s["settings"].update(inner_lr="fast"), "inner_lr"),
    ("wrong_object", lambda s: s["settings"].update(through={"a": 1}), "through"),
    ("foreign_code", lambda s: s["settings"].update(through={"made_by": "os:system"}), "os:system"),
    ("function_gone", lambda s: s["settings"].update(loss={"function": "no:where"}), "no:where"),
    ("model_text", lambda s: s.update(model="mlp"), "load(path, model=...)"),
    ("model_unnamed", lambda s: s.update(model={}), "load(path, model=...)"),
    ("model_unknown", lambda s: s["model"].update(name="mpl"), "mpl"),
    ("model_bare", lambda s: s["model"].pop("settings"), "settings.json"),
    ("model_wider", lambda s: s["model"]["settings"].update(hidden=5), "the model does not fit"),
    ("model_odd", lambda s: s["model"]["settings"].update(hiden=5), "did you mean hidden?"),
    ("tasks_text", lambda s: s.update(tasks="sinusoids"), "settings.json"),
    ("tasks_bare", lambda s: s.update(tasks={}), "settings.json"),
    ("inputs_text", lambda s: s.update(inputs="table"), "settings.json"),
    ("inputs_unknown", lambda s: s.update(inputs={"name": "x"}), "'x'"),
]


@pytest.mark.parametrize(("name", "change", "words"), SETTINGS, ids=[n for n, _, _ in SETTINGS])
def test_settings_that_say_something_else(
    run: Path, name: str, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    path = run / "settings.json"
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    refused(lambda: il.load(run), words, run)


@pytest.mark.parametrize("harm", [cut, emptied, garbage, removed, a_folder])
def test_settings_that_cannot_be_read(run: Path, harm: Harm) -> None:
    harm(run / "settings.json")
    refused(lambda: il.load(run), "settings.json", run)
    for command in ("evaluate", "history"):
        refused_command(f"{command} {run}", "settings.json", run)


@pytest.mark.parametrize("text", ["[]", "3", '"a"', "{}", "null"])
def test_json_of_another_kind(run: Path, text: str) -> None:
    (run / "settings.json").write_text(text)
    refused(lambda: il.load(run), "settings.json", run)


@pytest.mark.parametrize("text", ["", "{", "\xff\x00", '{"step": 0}\n{"st', "[]\n", "3\n"])
def test_a_torn_history_is_read_as_far_as_it_goes(run: Path, text: str) -> None:
    (run / "history.jsonl").write_text(text, encoding="latin-1")
    assert len(il.load(run).history) == text.startswith('{"step": 0}')


def test_a_folder_that_is_no_run_any_more_is_left_as_it_is(run: Path) -> None:
    cut(run / "settings.json")
    before = seen(run)
    learner = il.maml(il.models.mlp(1, 1, hidden=4), inner_lr=0.01)
    for resume in (False, True):
        with pytest.raises(il.InputError):
            il.train(learner, il.tasks.sinusoids(), out=run, resume=resume, steps=9, progress=False)
    assert {p: s for p, s in seen(run).items() if "lock" not in p} == {
        p: s for p, s in before.items() if "lock" not in p
    }


TASK: list[tuple[str, Harm, str]] = [
    *((harm.__name__, harm, "task") for harm in HARMS),
    ("version", lambda p: rewritten(p, adapted=99), "version 99"),
    ("no_version", lambda p: rewritten(p, adapted="gone"), "does not hold an adapted task"),
    ("no_fast", lambda p: rewritten(p, fast="gone"), "damaged"),
    ("fast_empty", lambda p: rewritten(p, fast={}), "damaged"),
    ("fast_elsewhere", lambda p: rewritten(p, fast={"tensor": "nowhere"}), "damaged"),
    ("fast_foreign", lambda p: rewritten(p, fast={"made_by": "os:system", "fields": {}}), "task"),
    ("fast_odd", lambda p: rewritten(p, fast={"tuple": 3}), "damaged"),
    ("spec_empty", lambda p: rewritten(p, spec={}), "damaged"),
    ("spec_list", lambda p: rewritten(p, spec=[]), "damaged"),
    ("spec_unknown", lambda p: rewritten(p, spec={"algorithm": "x"}), "damaged"),
    ("run_none", lambda p: rewritten(p, run=None), "damaged"),
    ("run_empty", lambda p: rewritten(p, run={}), "damaged"),
    ("run_gone", lambda p: shutil.rmtree(p.parent / "sine"), "say where it is with"),
    ("run_broken", lambda p: cut(p.parent / "sine" / "settings.json"), "settings.json"),
]


@pytest.mark.parametrize(("name", "harm", "words"), TASK, ids=[name for name, _, _ in TASK])
def test_the_file_of_a_task(place: Path, tmp_path: Path, name: str, harm: Harm, words: str) -> None:
    here = tmp_path / "here"
    shutil.copytree(place / "sine", here / "sine")
    il.load(here / "sine").adapt([[0.0], [1.0]], [[0.0], [1.0]]).save(here / "task")
    harm(here / "task")
    refused(lambda: il.load_adapted(here / "task"), words, here)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=4))
def test_whatever_bytes_are_changed_a_task_is_read_as_it_was_or_refused(
    place: Path, at: int, new: bytes
) -> None:
    whole = (place / "task").read_bytes()
    at %= len(whole)
    path = place / "changed"
    path.write_bytes(whole[:at] + new + whole[at + len(new) :])
    expected = il.load_adapted(place / "task").predict([[0.5]])
    with suppress(il.InputError):
        assert (il.load_adapted(path).predict([[0.5]]) == expected).all()


def test_evaluate_tells_that_the_data_is_gone(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "clinic", tmp_path / "clinic")
    shutil.copy(place / "visits.csv", tmp_path / "visits.csv")
    path = tmp_path / "clinic" / "settings.json"
    path.write_text(path.read_text().replace(str(place / "visits.csv"), str(tmp_path / "gone.csv")))
    assert il.load(tmp_path / "clinic").tasks is None
    refused_command(f"evaluate {tmp_path / 'clinic'} --episodes 2", "gone.csv", tmp_path)


def test_a_run_from_before_a_setting_existed_is_gone_on_with(run: Path) -> None:
    path = run / "settings.json"
    held = json.loads(path.read_text())
    del (
        held["settings"]["inner_optimiser"],
        held["training"]["ema"],
        held["model"]["settings"]["layers"],
    )
    path.write_text(json.dumps(held))
    learner = il.maml(il.models.mlp(1, 1, hidden=4), inner_lr=0.01)
    more = {"meta_batch": 2, "validation_episodes": 2, "progress": False, "resume": True}
    assert il.train(learner, il.tasks.sinusoids(), out=run, steps=2, **more).steps == 2
    other = learner.replace(inner_optimiser="adam")
    words = "inner_optimiser is sgd there and adam here"
    refused(lambda: il.train(other, il.tasks.sinusoids(), out=run, steps=2, **more), words, run)
