import sys
import warnings

import pytest
import torch

from innerloop.core import Meta
from innerloop.outer import Totals, Way, paces
from innerloop.outer.pace import SHORT, TIMES

NOTHING = Meta({}, {})
forked = pytest.mark.skipif(sys.platform != "linux", reason="a copy has its own clock in a fork")


class Timed:
    """A share that takes `fixed` seconds, and `each` for every task, by a clock of its own; copies of
    this process have copies of that clock, so that what they do takes no time here."""

    def __init__(self, fixed=0.0, each=0.0):
        self.fixed, self.each, self.now, self.steps = fixed, each, 0.0, []

    def __call__(self, meta, step, tasks):
        self.now += self.fixed + self.each * len(tasks)
        self.steps.append(step)
        return Totals.of({}, torch.zeros(len(tasks)), {})

    def found(self, tasks, *counts):
        ways = [Way(self, count, 1) for count in (1, *counts)]
        return paces(ways, NOTHING, range(tasks), lambda: self.now)


@forked
def test_shared_out_a_step_takes_the_time_of_its_largest_part():
    assert Timed(each=1.0).found(5, 2) == pytest.approx([5.0, 3.0])
    assert Timed(fixed=1.0).found(4, 2, 4) == pytest.approx([1.0, 1.0, 1.0])


def test_a_step_that_takes_next_to_nothing_is_not_shared_out():
    assert Timed(each=SHORT / 5).found(4, 2) == pytest.approx([SHORT * 4 / 5])


def test_a_first_step_counts_for_nothing_and_a_slow_one_is_timed_no_oftener_than_needed():
    slow, fast = Timed(each=10.0), Timed(each=SHORT / 10)
    slow.found(1)
    fast.found(1)
    assert slow.steps == [*range(1 + TIMES[0])]
    assert fast.steps == [*range(1 + TIMES[1])]


@forked
def test_a_way_that_fails_is_slow_without_a_word(monkeypatch):
    def none_to_be_had(*_):
        raise OSError("no more processes")

    monkeypatch.setattr("innerloop.outer.workers.Worker.__init__", none_to_be_had)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Timed(each=1.0).found(4, 2) == pytest.approx([4.0, 4.0])
