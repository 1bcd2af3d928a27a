import multiprocessing
import os
import signal
import time
import warnings

import pytest
import torch
from outer_data import (
    STEPS,
    found_by,
    none_finite,
    regression_tasks,
    share_of,
    uneven,
    with_a_bad_task,
)
from torch import nn

import innerloop as il
from innerloop.core import Episodes, Examples, Meta
from innerloop.outer import Totals, Workers


def assert_same(found, expected, **how):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, equal_nan=True, **how)


@pytest.mark.parametrize("batch", [regression_tasks, uneven, with_a_bad_task, none_finite])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_number_of_workers_changes_nothing_but_rounding(batch, count):
    share, meta = share_of(batch(5))
    with Workers(share, count) as workers:
        found = found_by(workers, meta)
        if count > 1:
            assert len(multiprocessing.active_children()) == count - 1
    assert_same(found, found_by(share, meta), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["protonet", "reptile", "meta_sgd", "finetune"])
def test_every_kind_of_learner_reaches_the_workers(name):
    even = regression_tasks(4)
    y = torch.arange(6).remainder(2).repeat(4, 1)
    episodes = Episodes(*(Examples(e.x, y, ways=2) for e in (even.support, even.query)))
    if name == "finetune":
        episodes = Episodes(episodes.support, episodes.query, classes=torch.arange(2).expand(4, 2))
    body = [nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh()]
    net = (
        nn.Sequential(*body, nn.Linear(4, 2))
        if name in ("reptile", "meta_sgd")
        else nn.Sequential(*body)
    )
    settings = {"classes": 2} if name == "finetune" else {}
    share, meta = share_of(episodes, getattr(il, name)(net.double(), **settings))
    with Workers(share, 2) as workers:
        found = found_by(workers, meta, 4)
    assert_same(found, found_by(share, meta, 4), rtol=1e-10, atol=1e-10)


def test_what_does_not_pickle_reaches_them_as_well():
    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(3, 1)
            self.squash = lambda x: x.tanh()

        def forward(self, x):
            return self.squash(self.out(x))

    learner = il.maml(Local().double(), lambda outputs, y: (outputs - y).square().mean(-1))
    share, meta = share_of(regression_tasks(4), learner)
    with Workers(share, 2) as workers:
        found = found_by(workers, meta, 4)
    assert_same(found, found_by(share, meta, 4), rtol=1e-10, atol=1e-10)


def here_only(pids):
    """The processes that did parts are counted here."""
    return lambda: pids.append(os.getpid())


def test_each_process_does_its_own_part_after_the_first_step():
    pids = []
    share, meta = share_of(regression_tasks(5), each=here_only(pids))
    with Workers(share, 3) as workers:
        found_by(workers, meta)
    assert len(pids) == 3 + (STEPS - 1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are no signals")
def test_a_killed_worker_is_reported_and_the_bits_stay_the_same():
    share, meta = share_of(regression_tasks(5))
    with Workers(share, 3) as workers:
        expected = found_by(workers, meta)
    with Workers(share, 3) as workers:
        found = found_by(workers, meta, steps=1)
        killed = multiprocessing.active_children()[0]
        os.kill(killed.pid, signal.SIGKILL)
        with pytest.warns(
            UserWarning, match=r"Worker [12] is lost \(SIGKILL\); this process"
        ) as told:
            found += [workers(meta, 1, range(5)).mean(meta.state)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found += [workers(meta, 2, range(5)).mean(meta.state)]
        assert len(told) == 1
        assert len(multiprocessing.active_children()) == 1
    assert_same(found, expected, rtol=0, atol=0)
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_at_work_is_reported_too():
    parent = os.getpid()

    def die():
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    share, meta = share_of(regression_tasks(4), each=die)
    with (
        Workers(share, 2) as workers,
        pytest.warns(UserWarning, match=r"Worker 1 is lost \(SIGKILL\)"),
    ):
        found = found_by(workers, meta, 4)
    assert_same(found, found_by(share, meta, 4), rtol=1e-10, atol=1e-10)


def test_a_worker_that_fails_says_why():
    parent = os.getpid()

    def fail():
        if os.getpid() != parent:
            raise MemoryError("none left")

    share, meta = share_of(regression_tasks(4), each=fail)
    with (
        Workers(share, 2) as workers,
        pytest.warns(UserWarning, match=r"Worker 1 is lost \(MemoryError: none left\)"),
    ):
        found = found_by(workers, meta, 4)
    assert_same(found, found_by(share, meta, 4), rtol=1e-10, atol=1e-10)


def test_an_error_of_the_model_is_raised_here_as_it_is():
    share, meta = share_of(regression_tasks(4), il.maml(nn.Linear(2, 1).double()))
    with Workers(share, 2) as workers, pytest.raises(RuntimeError, match="shape"):
        workers(meta, 0, range(4))


def test_what_was_asked_before_an_error_is_not_taken_for_a_later_answer():
    parent, failing = os.getpid(), []

    def fail():
        if os.getpid() == parent and failing:
            raise RuntimeError(failing.pop())

    learner = il.maml(nn.Linear(3, 1).double())
    share, meta = share_of(regression_tasks(4), learner, each=fail)
    other = il.Meta({n: p + 1 for n, p in meta.params.items()}, meta.state)
    with Workers(share, 2) as workers:
        workers(meta, 0, range(4))
        failing.append("once")
        with pytest.raises(RuntimeError, match="once"):
            workers(meta, 1, range(4))
        found = workers(other, 2, range(4))
    torch.testing.assert_close(found.losses, share(other, 2, range(4)).losses)


@pytest.mark.filterwarnings("error")
def test_several_processes_have_one_thread_each_however_many_this_one_has():
    torch.set_num_threads(4)
    try:
        learner = il.protonet(il.models.conv4(width=4))
        y = torch.arange(4).repeat(4, 2)
        x = torch.randn(4, 8, 1, 28, 28)
        share, meta = share_of(il.Episodes(il.Examples(x, y), il.Examples(x, y)), learner)
        with Workers(share, 2, 4) as workers:
            found = [workers(meta, step, range(4)) for step in range(2)]
    finally:
        torch.set_num_threads(1)
    assert all(each.kept.all() for each in found)


def test_what_cannot_be_sent_is_done_here(monkeypatch):
    monkeypatch.setattr(
        "innerloop.outer.workers.context_here", lambda: multiprocessing.get_context("spawn")
    )
    share, meta = share_of(
        regression_tasks(4)
    )  # a local function: it can be inherited, but not sent
    with (
        Workers(share, 2) as workers,
        pytest.warns(UserWarning, match=r"No worker could be started \(.*share.*\), so this"),
    ):
        found = found_by(workers, meta, 4)
    assert_same(found, found_by(share, meta, 4), rtol=1e-10, atol=1e-10)


def sums(meta: Meta, step: int, tasks: range) -> Totals:
    numbers = torch.tensor([float(t) for t in tasks])
    return Totals.of({"w": meta.params["w"] * numbers}, numbers + os.getpid(), {})


def test_where_nothing_is_inherited_it_is_sent(monkeypatch):
    monkeypatch.setattr(
        "innerloop.outer.workers.context_here", lambda: multiprocessing.get_context("spawn")
    )
    meta = Meta({"w": torch.tensor(2.0)}, {})
    with Workers(sums, 2) as workers:
        first, second = (workers(meta, step, range(4)) for step in range(2))
    assert first.grads["w"] == second.grads["w"] == 12
    assert first.losses[2] != second.losses[2], "another process did it"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_workers_end_with_the_process_that_made_them():
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # makes workers, says who they are, and is killed
        try:
            os.close(reading)
            share, meta = share_of(regression_tasks(4))
            workers = Workers(share, 3)
            found_by(workers, meta, 4)
            pids = [str(p.pid) for p in multiprocessing.active_children()]
            os.write(writing, " ".join(pids).encode())
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.close(writing)
    pids = [int(pid) for pid in os.read(reading, 100).split()]
    os.close(reading)
    os.waitpid(child, 0)
    assert len(pids) == 2
    until = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in pids)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return os.path.isdir("/proc") is False
