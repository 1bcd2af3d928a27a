import dataclasses
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch

import innerloop as il
from innerloop.adapted.keeper import Keeper
from innerloop.core import Episodes
from innerloop.episodes import Draws
from innerloop.tasks.functions import FunctionStream
from innerloop.training import batches
from innerloop.training.folder import RunFolder

ROOT = Path(__file__).parents[2]
SHORT = {"meta_batch": 2, "validation_episodes": 4, "steps": 6, "progress": False}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signalling(FunctionStream):
    """Sinusoids; drawing task `at` sends this process a signal."""

    at: int
    number: int

    def draw(self, draws: Draws) -> Episodes:
        if self.at in draws.episodes:
            signal.raise_signal(self.number)
        return super().draw(draws)


def signalling(at, number):
    tasks = il.tasks.sinusoids()
    fields = {f.name: getattr(tasks.train, f.name) for f in dataclasses.fields(tasks.train)}
    return dataclasses.replace(tasks, train=Signalling(**fields, at=at, number=number))


def learner(**settings):
    return il.maml(il.models.mlp(1, 1, hidden=4, layers=1), **{"inner_lr": 0.01, **settings})


def train(out=None, tasks=None, model=None, **settings):
    return il.train(
        model or learner(), tasks or il.tasks.sinusoids(), out=out, **{**SHORT, **settings}
    )


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def without_clock(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def test_two_runs_of_one_seed_are_the_same(tmp_path):
    first, second = train(), train(tmp_path / "run")
    assert same(first.meta.params, second.meta.params)
    assert without_clock(first.history) == without_clock(second.history)


def test_the_folder_holds_the_run(tmp_path):
    run = train(tmp_path / "run")
    assert sorted(os.listdir(tmp_path / "run")) == [
        "history.jsonl",
        "meta.safetensors",
        "settings.json",
        "state",
    ]
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history
    assert run.verdict is il.Verdict.OUT_OF_STEPS
    assert run.result == (
        f"Result: the latest weights that validate as well as the best ({run.validation:.4g}), "
        "of step 6 of 6."
    )


@pytest.fixture
def drawn_one_by_one(monkeypatch):
    """So that a task's number says in which step it is drawn."""
    monkeypatch.setattr(batches, "DRAWN_AT_ONCE", 1)


@pytest.mark.usefixtures("drawn_one_by_one")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_the_step_and_resume_gives_the_same_bits(tmp_path, number):
    before = signal.getsignal(number)
    interrupted = train(tmp_path / "run", signalling(5, number))
    assert interrupted.verdict is il.Verdict.INTERRUPTED
    assert interrupted.steps == 3
    assert signal.getsignal(number) is before
    resumed, peace = train(tmp_path / "run", resume=True), train()
    assert resumed.verdict is il.Verdict.OUT_OF_STEPS
    assert same(resumed.last.params, peace.last.params)
    assert same(resumed.meta.params, peace.meta.params)
    assert without_clock(resumed.history) == without_clock(peace.history)


@pytest.mark.usefixtures("drawn_one_by_one")
def test_a_second_signal_acts_at_once_and_loses_no_whole_step(tmp_path):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Impatient(Signalling):
        def draw(self, draws):
            if self.at in draws.episodes:
                signal.raise_signal(self.number)
            return super().draw(draws)

    tasks = signalling(5, signal.SIGINT)
    fields = {f.name: getattr(tasks.train, f.name) for f in dataclasses.fields(tasks.train)}
    tasks = dataclasses.replace(tasks, train=Impatient(**fields))
    run = train(tmp_path / "run", tasks)
    assert (run.verdict, run.steps) == (il.Verdict.INTERRUPTED, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_killed_20_times_and_resumed_the_bits_are_the_same(tmp_path):
    command = [sys.executable, "benchmarks/kill.py", "--kills", "20", "--steps", "200"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [*command, "--out", str(tmp_path / "kill.json")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    result = json.loads((tmp_path / "kill.json").read_text())
    assert (result["kills"], result["same_bits"], result["same_history"]) == (20, True, True)


def test_resuming_a_run_that_is_over_changes_nothing(tmp_path):
    first = train(tmp_path / "run")
    before = (tmp_path / "run" / "history.jsonl").read_bytes()
    again = train(tmp_path / "run", resume=True)
    assert again.verdict is first.verdict
    assert same(again.meta.params, first.meta.params)
    assert (tmp_path / "run" / "history.jsonl").read_bytes() == before


def test_resume_begins_where_there_is_nothing(tmp_path):
    assert train(tmp_path / "run", resume=True).steps == 6


def test_an_existing_run_is_not_overwritten(tmp_path):
    train(tmp_path / "run")
    with pytest.raises(il.InputError) as caught:
        train(tmp_path / "run")
    assert str(caught.value) == (
        f"'{tmp_path}/run' already holds a run; go on with it by resume, or choose another out."
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"lr": 0.5}, "lr is 0.001 there and 0.5 here"),
        ({"steps": 5}, "steps is 6 there and 5 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"optimiser": il.training.adam(eps=1e-6)}, "eps is 1e-08 there and 1e-06 here"),
        ({"tasks": il.tasks.linear()}, "name is sinusoids there and linear here"),
        ({"model": learner(inner_steps=3)}, "inner_steps is 1 there and 3 here"),
    ],
)
def test_other_settings_are_refused_on_resume(tmp_path, changed, sentence):
    train(tmp_path / "run")
    with pytest.raises(il.InputError, match=sentence):
        train(tmp_path / "run", resume=True, **changed)


def test_two_processes_cannot_train_in_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    with (
        RunFolder(tmp_path / "run").alone(),
        pytest.raises(il.InputError, match="another process is training in"),
    ):
        train(tmp_path / "run", resume=True)
    assert train(tmp_path / "run", resume=True).steps == 6


def test_resume_needs_a_folder():
    with pytest.raises(il.InputError, match="resume needs the folder of the run"):
        train(resume=True)


def test_resume_on_another_plan_says_so(tmp_path):
    train(tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    settings["plan"] |= {"threads": 64, "torch": "1.0"}
    (tmp_path / "run" / "settings.json").write_text(json.dumps(settings))
    with pytest.warns(UserWarning, match="no longer bit-exact.*threads was 64, is .*torch was 1.0"):
        train(tmp_path / "run", resume=True)


def test_a_path_that_was_fallen_back_to_is_no_other_plan(tmp_path):
    class Looking(torch.nn.Module):
        """Looks at its numbers, which a batch of tasks does not allow."""

        def __init__(self):
            super().__init__()
            self.out = torch.nn.Linear(1, 1)

        def forward(self, x):
            return self.out(x) if x.sum().item() > 0 else self.out(-x)

    net = Looking()
    settings = {"validate_every": 0, "steps": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = train(tmp_path / "run", model=il.maml(net, inner_lr=0.01), **settings)
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["plan"]["path"] == "loop"
    again = train(tmp_path / "run", model=il.maml(net, inner_lr=0.01), resume=True, **settings)
    assert same(again.meta.params, first.meta.params)


def test_a_learner_with_nothing_to_train_is_a_run_too(tmp_path):
    nearest = il.nearest_neighbour(torch.nn.Identity())
    run = train(tmp_path / "run", il.tasks.digits(), nearest, steps=None)
    assert run.verdict is il.Verdict.NOTHING_TO_TRAIN
    assert (run.steps, run.history) == (0, [])
    assert il.load(tmp_path / "run", torch.nn.Identity()).verdict is run.verdict


def test_a_bar_is_shown_when_asked_for_and_nothing_goes_to_stdout(capsys):
    train(progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "validation" in shown.err
    assert "tasks/s" in shown.err
    train(progress=False)
    assert capsys.readouterr().err == ""


def test_what_a_killed_process_left_before_its_first_file_was_whole_is_no_hindrance(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".half-settings.json.841").write_text('{"algor')
    train(run, resume=True)
    assert not list(run.glob(".half-*"))


def test_a_full_disk_ends_in_one_sentence_and_leaves_nothing_half_written(tmp_path):
    """In a process whose files may not grow beyond 8 KB."""
    script = (
        "import resource, sys, torch, innerloop as il\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "try:\n"
        "    il.train(il.maml(il.models.mlp(1, 1, hidden=30)), il.tasks.sinusoids(), steps=3,\n"
        "             meta_batch=2, validate_every=0, out=sys.argv[1], progress=False)\n"
        "except il.InnerloopError as error:\n"
        "    print(error)\n"
    )
    pytest.importorskip("resource")
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert found.stdout.startswith(
        f"Cannot write '{tmp_path}/run/state/step-0.safetensors': File too"
    )
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_over_goes_on_with_a_larger_budget(tmp_path):
    short = train(tmp_path / "run", schedule="constant")
    with pytest.warns(UserWarning, match="goes on after step 6 with a larger budget.*constant"):
        longer = train(tmp_path / "run", schedule="constant", steps=12, resume=True)
    assert (short.steps, longer.steps) == (6, 12)
    assert longer.verdict is il.Verdict.OUT_OF_STEPS
    whole = train(schedule="constant", steps=12)
    assert same(longer.last.params, whole.last.params)  # nothing here follows the budget
    steps = [row["step"] for row in longer.history]
    assert steps == sorted(set(steps))
    again = train(tmp_path / "run", schedule="constant", steps=12, resume=True)
    assert same(again.last.params, longer.last.params)
    assert il.load(tmp_path / "run").steps == 12


def test_a_schedule_that_follows_the_budget_does_so_from_there_on(tmp_path):
    train(tmp_path / "run", schedule="cosine")
    with pytest.warns(UserWarning, match="here cosine"):
        run = train(tmp_path / "run", schedule="cosine", steps=12, resume=True)
    rates = {row["step"]: row["lr"] for row in run.history}
    assert rates[6] == pytest.approx(0.0005)  # half way of the new budget, not the end of the old


@pytest.mark.usefixtures("drawn_one_by_one")
def test_an_interrupted_run_may_be_given_more_patience_and_another_target(tmp_path):
    train(tmp_path / "run", signalling(5, signal.SIGINT), patience=2, target=0.0)
    with pytest.warns(UserWarning, match="goes on after step 3"):
        run = train(tmp_path / "run", patience=9, steps=8, resume=True)
    assert run.steps == 8


@pytest.mark.parametrize("changed", [{"steps": 5}, {"steps": 12, "lr": 0.5}])
def test_a_smaller_budget_or_more_than_the_budget_is_refused(tmp_path, changed):
    train(tmp_path / "run")
    with pytest.raises(il.InputError, match="resume with the same settings"):
        train(tmp_path / "run", resume=True, **changed)
    assert il.load(tmp_path / "run").steps == 6


def test_a_model_that_was_not_the_one_trained_is_named(tmp_path):
    train(tmp_path / "run")
    wrong = il.models.mlp(1, 1, hidden=5, layers=1)
    with pytest.raises(il.InputError, match=r"1.weight is \(4, 1\) there and \(5, 1\) here"):
        il.load(tmp_path / "run", wrong)
    (tmp_path / "run" / "meta.safetensors").unlink()
    with pytest.raises(il.InputError, match="13 weights there, 16 here; pass the model"):
        il.load(tmp_path / "run", wrong)


def test_the_number_of_workers_is_part_of_the_plan(tmp_path):
    peace = train(tmp_path / "peace", workers=2, meta_batch=3, save_every=1)
    train(tmp_path / "run", workers=2, meta_batch=3, steps=3, schedule="constant")
    assert RunFolder(tmp_path / "run").read_settings()["plan"]["workers"] == 2
    with pytest.warns(UserWarning, match="goes on after step 3"):
        train(tmp_path / "run", meta_batch=3, schedule="constant", resume=True)
    assert RunFolder(tmp_path / "run").read_settings()["plan"]["workers"] == 2
    assert not multiprocessing.active_children()
    (tmp_path / "peace" / "state" / "step-6.safetensors").unlink()
    with pytest.warns(UserWarning, match="no longer bit-exact.*workers was 2, is 3"):
        train(tmp_path / "peace", workers=3, meta_batch=3, resume=True)
    assert peace.steps == 6


@pytest.mark.usefixtures("drawn_one_by_one")
def test_a_run_of_two_workers_is_resumed_to_the_same_bits(tmp_path):
    how = {"workers": 2, "meta_batch": 3}
    interrupted = train(tmp_path / "run", signalling(6, signal.SIGINT), **how)
    assert (interrupted.verdict, interrupted.steps) == (il.Verdict.INTERRUPTED, 3)
    resumed, peace = train(tmp_path / "run", resume=True, meta_batch=3), train(**how)
    assert same(resumed.last.params, peace.last.params)
    assert without_clock(resumed.history) == without_clock(peace.history)


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_run(tmp_path, number):
    command = "train sinusoids --algorithm maml --workers 3 --meta-batch 6 --steps 1000000"
    run = subprocess.Popen(
        [sys.executable, "-m", "innerloop", *command.split(), "--out", str(tmp_path / "run")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stderr.readline().endswith(", in 3 processes of 1 thread.\n")
    until = time.monotonic() + 60
    while len(in_session(run.pid)) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(in_session(run.pid)) == 3
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does
        assert "The run was interrupted" in run.stderr.read()
        assert run.wait(60) == 0
    else:
        run.kill()
        run.wait(60)
    while in_session(run.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert in_session(run.pid) == []
    run.stderr.close()


def in_session(number):
    """The living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == number and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in a fork")
def test_as_many_tasks_at_once_as_memory_holds(tmp_path):
    with pytest.raises(
        il.InputError, match="one task alone does not fit into the 0 MB that a process"
    ):
        train(tmp_path / "run", memory="0.01MB")
    assert not (tmp_path / "run").exists()
    train(tmp_path / "run", memory="4GB")
    assert RunFolder(tmp_path / "run").read_settings()["plan"]["at_once"] is None


def test_a_run_goes_on_with_as_many_tasks_at_once_as_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr("innerloop.training.trial.tasks_that_fit", lambda *_: 2)
    how = {"meta_batch": 5, "save_every": 1}
    peace = train(tmp_path / "run", memory="4GB", **how)
    assert RunFolder(tmp_path / "run").read_settings()["plan"]["at_once"] == 2
    (tmp_path / "run" / "state" / "step-6.safetensors").unlink()
    resumed = train(tmp_path / "run", resume=True, **how)
    assert same(resumed.last.params, peace.last.params)
    (tmp_path / "run" / "state" / "step-6.safetensors").unlink()
    monkeypatch.setattr("innerloop.training.trial.tasks_that_fit", lambda *_: None)
    with pytest.warns(UserWarning, match="no longer bit-exact.*at_once was 2, is None"):
        train(tmp_path / "run", resume=True, memory="9GB", **how)


class Wide(torch.nn.Module):
    """An inner step keeps some 10 MB until it is differentiated."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([1.0]))

    def forward(self, x):
        return (x * self.scale + torch.linspace(0, 1, 200_000)).sin().mean(1, keepdim=True)


def wide():
    return il.maml(Wide(), inner_lr=0.01, inner_steps=12)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in a fork")
def test_where_one_task_does_not_fit_fewer_steps_are_differentiated_and_a_resume_keeps_them(
    tmp_path,
):
    how = {"shots": 1, "queries": 1, "validate_every": 0, "steps": 2, "save_every": 1}
    with pytest.warns(
        UserWarning, match="of its 12 inner steps only the last . are differentiated"
    ):
        first = train(tmp_path / "run", model=wide(), memory="100MB", **how)
    plan = RunFolder(tmp_path / "run").read_settings()["plan"]
    assert 1 <= plan["last"] < 12
    by_hand = wide().replace(through=il.truncated(plan["last"]))
    assert same(first.meta.params, train(model=by_hand, **how).meta.params)
    (tmp_path / "run" / "state" / "step-2.safetensors").unlink()
    again = train(tmp_path / "run", model=wide(), resume=True, **how)
    assert same(first.meta.params, again.meta.params)
    assert again.learner.spec.settings["through"].last == plan["last"]
    (tmp_path / "run" / "state" / "step-2.safetensors").unlink()
    with pytest.warns(UserWarning, match=f"no longer bit-exact.*last was {plan['last']}, is None"):
        train(tmp_path / "run", model=wide(), resume=True, memory="4GB", **how)


def test_all_ranks_follow_the_plan_of_the_first(tmp_path):
    class Second(il.outer.Alone):
        def same(self, value):
            start, plan = value
            return start, {**plan, "last": 2, "path": "loop"}

    course = il.training.plan_course(learner(inner_steps=3), il.tasks.sinusoids(), steps=1)
    keeper = Keeper.open(course, il.tasks.sinusoids(), None, False).agreed(Second())
    assert keeper.course.learner.path == "loop"
    assert keeper.course.learner.spec.settings["through"].last == 2


def test_what_was_tried_is_written_down_and_a_resume_takes_it(tmp_path, monkeypatch):
    monkeypatch.setattr("innerloop.training.trial.paces", lambda *_: [0.2, 0.15, 0.1])
    monkeypatch.setattr("innerloop.training.trial.LONG", 1)
    torch.set_num_threads(2)
    try:
        peace = train(tmp_path / "run", save_every=1)
        monkeypatch.setattr("innerloop.training.trial.paces", lambda *_: [0.1, 0.2, 0.2])
        (tmp_path / "run" / "state" / "step-6.safetensors").unlink()
        resumed = train(tmp_path / "run", resume=True)
    finally:
        torch.set_num_threads(1)
    plan = RunFolder(tmp_path / "run").read_settings()["plan"]
    assert (plan["workers"], plan["seconds"]) == (2, {"1x1": 0.2, "1x2": 0.15, "2x1": 0.1})
    assert same(resumed.last.params, peace.last.params)
    assert not multiprocessing.active_children()
