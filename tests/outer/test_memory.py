import ctypes
import math
import multiprocessing
import sys

import pytest
import torch
from outer_data import found_by, regression_tasks, share_of, uneven, with_a_bad_task

import innerloop as il
from innerloop.core import Meta
from innerloop.outer import Totals
from innerloop.outer.memory import (
    bytes_of,
    free_memory,
    in_chunks,
    need_of,
    peak,
    tasks_that_fit,
    too_large,
)

measured = pytest.mark.skipif(sys.platform != "linux", reason="measured in a fork")
MB = 10**6
NOTHING = Meta({}, {})


def hungry(meta: Meta, step: int, tasks: range) -> Totals:
    """Takes 40 MB a task, all at once."""
    held = [torch.ones(10 * MB) for _ in tasks]
    return Totals.of({}, torch.stack([leaf[0] for leaf in held]), {})


@pytest.mark.parametrize("batch", [regression_tasks, uneven, with_a_bad_task])
@pytest.mark.parametrize("at_once", [None, 1, 2, 5, 9])
def test_chunks_change_nothing_but_rounding(batch, at_once):
    share, meta = share_of(batch(5))
    found, expected = found_by(in_chunks(share, at_once), meta), found_by(share, meta)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10, equal_nan=True)


def test_a_chunk_has_no_more_tasks_than_fit():
    met = []

    def noting(meta, step, tasks):
        met.append(tasks)
        return hungry(meta, step, range(1))

    in_chunks(noting, 3)(NOTHING, 0, range(4, 12))
    assert [t for tasks in met for t in tasks] == list(range(4, 12))
    assert max(map(len, met)) == 3
    assert len(met) == 3


@measured
def test_the_peak_is_what_the_tasks_take():
    one, three = (peak(hungry, NOTHING, range(count)) for count in (1, 3))
    assert one == pytest.approx(40 * MB, abs=25 * MB)  # and what any first call takes
    assert three - one == pytest.approx(80 * MB, abs=8 * MB)


@measured
def test_what_is_free_in_the_heap_hides_nothing():
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        pytest.skip("another C library")
    threshold, trim = -3, -1  # from here on large tensors stay in the heap when they are freed
    assert library.mallopt(threshold, 1 << 30)
    assert library.mallopt(trim, 1 << 30)
    torch.ones(50 * MB)  # 200 MB
    one, three = (peak(hungry, NOTHING, range(count)) for count in (1, 3))
    assert three - one == pytest.approx(80 * MB, abs=8 * MB)


@measured
def test_as_many_tasks_are_taken_as_fit():
    need = need_of(hungry, NOTHING)
    assert tasks_that_fit(need, 4, 1_000 * MB) is None
    assert tasks_that_fit(need, 20, math.inf) is None
    assert tasks_that_fit(need, 20, 250 * MB) in (5, 6)
    assert tasks_that_fit(need, 20, 80 * MB) == 1


@measured
def test_tasks_that_come_one_after_the_other_are_measured_once():
    met = multiprocessing.Value("i", 0)

    def counting(meta, step, tasks):
        met.value += 1
        return hungry(meta, step, tasks)

    need = need_of(counting, NOTHING, together=False)
    assert met.value == 1
    assert need.first == need.further == pytest.approx(40 * MB, abs=25 * MB)
    assert tasks_that_fit(need, 1, need.first) is None


def test_a_task_that_does_not_fit_alone_is_refused_in_a_sentence():
    assert str(too_large(30.0 * MB)) == (
        "one task alone does not fit into the 30 MB that a process may take; give more (memory), lower "
        "inner_steps, shots or queries, or differentiate only the last steps: through 'truncated(1)', "
        "another gradient."
    )


@measured
def test_what_is_more_than_there_is_ends_the_copy_alone(monkeypatch):
    monkeypatch.setattr("innerloop.outer.memory.free_memory", lambda: 100.0 * MB)
    assert peak(hungry, NOTHING, range(25)) == math.inf  # what is free in the heap comes on top
    assert peak(hungry, NOTHING, range(1)) < math.inf


@measured
def test_a_network_that_fails_otherwise_is_left_to_show_it():
    share, meta = share_of(regression_tasks(2), il.maml(torch.nn.Linear(2, 1).double()))
    assert need_of(share, meta) == (0, 0)


def test_the_system_says_what_is_free(tmp_path, monkeypatch):
    assert free_memory() > 0
    if sys.platform != "linux":
        return
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1000 kB\n")
    monkeypatch.setattr("innerloop.outer.memory.MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr("innerloop.outer.memory.CGROUP", tmp_path)
    assert free_memory() == 1_024_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() == 1_024_000
    (tmp_path / "memory.max").write_text("500000\n")
    (tmp_path / "memory.current").write_text("200000\n")
    assert free_memory() == 300_000


@pytest.mark.parametrize("memory", ["4", "much", "0GB", "-1GB", "4 KB", ""])
def test_memory_is_a_number_with_a_unit(memory):
    with pytest.raises(il.InputError, match="memory is a number of MB, GB or TB, got"):
        bytes_of(memory)


def test_memory_is_spelt_as_people_do():
    assert bytes_of("250mb") == 250 * MB
    assert bytes_of(" 1.5 TB ") == 1.5e12
