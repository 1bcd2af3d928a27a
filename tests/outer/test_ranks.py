import multiprocessing
import signal
import threading

import pytest
import torch
import torch.distributed as dist
from outer_data import found_by, none_finite, regression_tasks, share_of, uneven, with_a_bad_task

from innerloop.core import Meta
from innerloop.outer import Alone, LostRank, Totals, Workers, ranks_here
from innerloop.outer.ranks import generation

pytestmark = pytest.mark.skipif(not dist.is_gloo_available(), reason="ranks talk by gloo")


def in_ranks(size, place, work):
    """What work(ranks) gives in each of `size` processes; None of one that has died."""
    context = multiprocessing.get_context("fork")
    ends, processes = [], []
    for rank in range(size):
        near, far = context.Pipe(duplex=False)
        processes.append(context.Process(target=be_rank, args=(rank, size, place, work, far)))
        processes[-1].start()
        far.close()
        ends.append(near)
    found = []
    for near, process in zip(ends, processes, strict=True):
        try:
            found.append(near.recv() if near.poll(60) else pytest.fail("a rank hangs"))
        except EOFError:
            found.append(None)
        finally:
            process.kill()
            process.join()
    return found


def be_rank(rank, size, place, work, line):
    dist.init_process_group("gloo", init_method=f"file://{place}/group", rank=rank, world_size=size)
    with ranks_here() as ranks:
        line.send(work(ranks))


def numbers(found):
    """Without shared memory, so that they outlive the process that sends them."""
    return [[leaf.tolist() for leaf in (g.losses, g.kept, *g.grads.values())] for g in found]


@pytest.mark.parametrize("batch", [regression_tasks, uneven, with_a_bad_task, none_finite])
@pytest.mark.parametrize("size", [2, 3])
def test_the_number_of_ranks_changes_nothing_but_rounding(batch, size, tmp_path):
    share, meta = share_of(batch(5))

    def work(ranks):
        return numbers(found_by(ranks.share(share, lambda: False), meta))

    found = in_ranks(size, tmp_path, work)
    assert all(str(each) == str(found[0]) for each in found), "all ranks have the same bits"
    for ours, theirs in zip(found[0], numbers(found_by(share, meta)), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(
                torch.tensor(a), torch.tensor(b), rtol=1e-10, atol=1e-10, equal_nan=True
            )


def test_ranks_have_workers_of_their_own(tmp_path):
    share, meta = share_of(regression_tasks(5))

    def work(ranks):
        with Workers(share, 2) as workers:
            return numbers(found_by(ranks.share(workers, lambda: False), meta))

    first, second = in_ranks(2, tmp_path, work)
    assert first == second
    losses, expected = first[2][0], numbers(found_by(share, meta))[2][0]
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(expected), rtol=1e-6, atol=1e-8)


def counting(meta: Meta, step: int, tasks: range) -> Totals:
    """Task 0 is not finite; the state counts in integers beyond what single precision holds."""
    losses = torch.tensor([float("nan") if t == 0 else float(t) for t in tasks])
    seen = torch.tensor([2**40 + t for t in tasks])
    return Totals.of({"w": torch.ones(len(tasks))}, losses, {"seen": seen, "sum": losses * 0 + 1})


@pytest.mark.parametrize("size", [2, 4])
def test_a_state_that_counts_is_that_of_the_first_task_kept(size, tmp_path):
    def work(ranks):
        found = ranks.share(counting, lambda: False)(Meta({}, {}), 0, range(4))
        return found.state["seen"].item(), found.state["sum"].item(), found.kept.tolist()

    expected = 2**40 + 1, 3.0, [False, True, True, True]
    assert in_ranks(size, tmp_path, work) == [expected] * size


def test_all_stop_when_one_wants_to_and_have_the_clock_and_values_of_the_first(tmp_path):
    def work(ranks):
        told = []
        share = ranks.share(counting, lambda: ranks.rank == 1 and bool(told))
        for step in range(2):
            share(Meta({}, {}), step, range(4))
            told.append(ranks.interrupted())
        return told, ranks.clock(), ranks.same(("value of", ranks.rank))

    first, second = in_ranks(2, tmp_path, work)
    assert first == second
    assert first[0] == [False, True]
    assert 0 < first[1] < 60
    assert first[2] == ("value of", 0)


def test_a_rank_that_dies_is_told_in_a_sentence(tmp_path):
    def work(ranks):
        share = ranks.share(counting, lambda: False)
        share(Meta({}, {}), 0, range(4))
        if ranks.rank == 1:
            signal.raise_signal(signal.SIGKILL)
        try:
            share(Meta({}, {}), 1, range(4))
        except LostRank as error:
            return str(error), error.exit_code

    first, second = in_ranks(2, tmp_path, work)
    assert first[0].startswith("Another process of this run has ended, so this one ends too;")
    assert first[1] == 1
    assert second is None


def test_most_runs_are_alone():
    with ranks_here() as ranks:
        assert type(ranks) is Alone
        assert (ranks.rank, ranks.size) == (0, 1)
        assert ranks.share(counting, lambda: True) is counting
        assert ranks.interrupted()


def test_ranks_that_begin_again_do_not_meet_the_dead():
    store = dist.HashStore()
    numbers = []

    def join(rank):
        numbers.append((rank, generation(store, rank, 3)))

    for began in (1, 2):
        for order in ([0, 1, 2], [2, 1, 0]):
            numbers.clear()
            threads = [threading.Thread(target=join, args=(rank,)) for rank in order]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            expected = 2 * began - 1 + (order[0] == 2)
            assert sorted(numbers) == [(rank, expected) for rank in range(3)]


def test_a_rank_0_that_died_before_all_had_come_is_not_waited_for():
    store = dist.HashStore()
    store.add("generation", 1)  # it came, and died
    store.set("1/1", "of the dead")
    found = []
    early = threading.Thread(target=lambda: found.append(generation(store, 1, 2)))
    early.start()
    while store.get("1/1") == b"of the dead":
        pass
    found.append(generation(store, 0, 2))
    early.join(60)
    assert found == [2, 2]
