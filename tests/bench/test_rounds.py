"""The protocol, with contenders that are put in place of real ones."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from bench_cases import small

from innerloop.bench import growth as growth_file
from innerloop.bench import rounds
from innerloop.bench.flops import flops
from innerloop.bench.growth import Growth, growth
from innerloop.bench.machine import cores, peaks
from innerloop.bench.memory import descendants, peak_megabytes
from innerloop.bench.process import Failed, Seconds, apart, environment, started
from innerloop.bench.rounds import distance, measure, times_faster, to_json
from innerloop.bench.workloads import WORKLOADS

PACE = {"plain": 0.3, "innerloop": 0.1, "higher": 0.2}


class Puppet:
    """Takes the seconds that PACE says, without taking them."""

    idle, setup_seconds = 100.0, 0.5

    def __init__(self, name: str, log: list[str]):
        self.name, self.log = name, log

    def gradient(self) -> dict[str, np.ndarray]:
        return {"w": np.array([1.0, 2.0 if self.name != "higher" else 2.001])}

    def steps(self, count: int, patience: float = 0) -> Seconds:
        self.log.append(self.name)
        return Seconds([PACE[self.name]] * count, 150.0)

    def how(self) -> str:
        return "puppet"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    @contextmanager
    def start(name: str, *_: object, **__: object) -> Iterator[Puppet]:
        yield Puppet(name, names)

    monkeypatch.setattr(rounds, "started", start)
    monkeypatch.setattr(growth_file, "started", start)
    monkeypatch.setattr(rounds.contender("higher").__class__, "is_here", True)
    return names


def test_contenders_take_turns_and_ratios_are_medians_over_rounds(log: list[str]) -> None:
    found = measure(small("conv4-k1"), ["innerloop", "plain"], seconds=0)
    assert log == ["innerloop", "plain"] * rounds.LEAST
    assert times_faster(found["innerloop"], found["plain"]) == pytest.approx(3.0)
    assert (found["innerloop"].status, found["innerloop"].how) == ("ok", "puppet")


def test_who_is_wrong_is_reported_and_not_timed(log: list[str]) -> None:
    found = measure(small("conv4-k1"), ["innerloop", "higher"], seconds=0)
    assert found["higher"].status == "wrong"
    assert "differs from the plain loop's by 4.5e-04" in str(found["higher"].error)
    assert not found["higher"].seconds
    assert "higher" not in log
    row = to_json(small("conv4-k1"), found, {"fma": 100.0})["contenders"]["higher"]
    assert row.keys() == {"status", "error", "float64_error"}


def test_who_cannot_or_is_absent_is_said(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure(small("protonet"), ["higher"], seconds=0)["higher"].status == "cannot"
    monkeypatch.setattr(rounds.contender("higher").__class__, "is_here", False)
    assert measure(small("gru"), ["higher"], seconds=0)["higher"].status == "absent"


def test_nobody_is_right_without_the_plain_loop(
    log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: Puppet) -> dict[str, np.ndarray]:
        raise Failed("the process died")

    monkeypatch.setattr(Puppet, "gradient", silent)
    found = measure(small("conv4-k1"), ["innerloop", "plain"], seconds=0)
    assert {name: result.status for name, result in found.items()} == {
        "innerloop": "failed",
        "plain": "failed",
    }
    assert log == []


def test_distance_is_relative_and_infinite_between_different_trees() -> None:
    a = {"w": np.array([3.0, 4.0])}
    assert distance({"w": np.array([3.0, 4.5])}, a) == pytest.approx(0.1)
    assert distance({}, a) == distance({"w": np.zeros(3)}, a) == math.inf
    assert distance({"w": np.zeros(1)}, {"w": np.zeros(1)}) == 0
    assert not distance({"w": np.array([math.nan, 0])}, a) <= rounds.TOLERANCE


def test_a_real_contender_in_a_process_of_its_own() -> None:
    with started("innerloop", small("sinusoid-k1"), seed=0, cores=1) as remote:
        gradient = remote.gradient()
        turn = remote.steps(3)
        assert remote.how()
        pid = remote.process.pid
        assert pid in descendants(os.getpid()) or not os.path.exists("/proc")
    assert sorted(gradient)[:2] == ["1.bias", "1.weight"]
    assert len(turn.each) == 3
    assert min(turn.each) > 0
    assert turn.megabytes >= remote.idle > 10
    assert not remote.process.is_alive()


def test_a_contender_that_raises_says_why_and_is_gone() -> None:
    nonsense = replace(small("sinusoid-k1"), model="nonsense")
    with (
        pytest.raises(Failed, match="KeyError: 'nonsense'"),
        started("plain", nonsense, seed=0, cores=1),
    ):
        pytest.fail("it was set up")


def test_calls_apart_see_their_threads_and_leave_ours() -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    with apart(1) as call:
        assert call(os.getenv, "OMP_NUM_THREADS") == "1"
        assert call(os.getpid) != os.getpid()
    assert os.environ.get("OMP_NUM_THREADS") == before
    with environment({"A_NAME_OF_NO_USE": "x"}):
        assert os.environ["A_NAME_OF_NO_USE"] == "x"
    assert "A_NAME_OF_NO_USE" not in os.environ


def test_flops_by_hand() -> None:
    sine = WORKLOADS["sinusoid-k1"]
    first, rest = 2 * 40, 2 * 40 * 40 + 2 * 40
    task = 10 * (2 * first + 3 * rest) + 10 * (4 * first + 9 * rest)
    assert flops(sine) == 25 * task
    assert flops(WORKLOADS["gru"]) is None
    layer = [2 * 9 * 64 * 28**2, 2 * 9 * 64**2 * 14**2, 2 * 9 * 64**2 * 7**2, 2 * 9 * 64**2 * 3**2]
    first, rest = layer[0], sum(layer[1:])
    rows = 20 + 20 * 5
    assert flops(WORKLOADS["protonet"]) == 8 * rows * (2 * first + 3 * rest)
    head = 2 * 64 * 5
    first_order = 8 * (75 + 5 * 5) * (2 * first + 3 * (rest + head))
    assert flops(WORKLOADS["conv4-fomaml"]) == first_order
    anil = 75 * (2 * first + 3 * (rest + head)) + 5 * (2 * first + 3 * rest + 9 * 5 * head)
    assert flops(WORKLOADS["conv4-anil"]) == 8 * anil


def test_growth_is_per_inner_step_and_does_not_outgrow_the_machine(
    log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Growth({1: 50.0, 5: 90.0}).per_step == 10.0
    assert Growth({1: 50.0, 5: 90.0}).expected(20) == 240.0
    assert Growth({1: 50.0}).per_step is None
    assert growth(["plain"])["plain"].megabytes == dict.fromkeys((1, 5, 20, 100), 50.0)
    monkeypatch.setattr(growth_file, "free_megabytes", lambda: 10.0)
    found = growth(["plain"])["plain"]
    assert list(found.megabytes) == [1, 5]
    assert found.left_out[100] == "would need about 50 MB"


def test_peaks_of_the_machine() -> None:
    found = peaks([1])
    assert all(by_cores[1] > 0.1 for by_cores in found.values())
    assert cores() >= 1
    assert peak_megabytes() > 10
