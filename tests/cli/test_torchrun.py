"""Several processes under torchrun are one run, also when one of them is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch.distributed as dist

from innerloop.training.folder import RunFolder

pytestmark = pytest.mark.skipif(
    not dist.is_gloo_available() or not Path("/proc").is_dir(), reason="ranks talk by gloo"
)
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--monitor-interval=0.1"]
TRAIN = "train sinusoids --algorithm maml --meta-batch 5 --validate-every 40"


def start(folder, size, *arguments, restarts=0):
    return subprocess.Popen(
        [
            *LAUNCH,
            f"--nproc-per-node={size}",
            f"--max-restarts={restarts}",
            *("-m", "innerloop", *TRAIN.split(), *arguments, "--out", str(folder)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(run):
    try:
        out, err = run.communicate(timeout=120)
    finally:
        if run.poll() is None:
            run.terminate()  # it ends its ranks
            run.communicate()
    return out, err


def of_rank(rank, launcher):
    """The process of a rank."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    [found] = [
        child
        for child in children
        if f"\0RANK={rank}\0" in f"\0{Path(f'/proc/{child}/environ').read_text()}"
    ]
    return int(found)


def weights(folder):
    meta, facts = RunFolder(folder).read_result()
    return {name: leaf.numpy().tobytes() for name, leaf in meta.params.items()}, facts


def without_clock(folder):
    return [
        {k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(folder).read_history()
    ]


@pytest.mark.parametrize(("size", "rank"), [(2, 1), (3, 0)])
def test_a_run_of_which_one_rank_is_killed_ends_with_the_same_bits(tmp_path, size, rank):
    peace, killed = tmp_path / "peace", tmp_path / "killed"
    finished(start(peace, size, "--steps", "400"))
    run = start(killed, size, "--steps", "400", restarts=2)
    until = time.monotonic() + 60
    while time.monotonic() < until and len(RunFolder(killed).read_history()) < 5:
        time.sleep(0.01)
    os.kill(of_rank(rank, run.pid), signal.SIGKILL)
    _, err = finished(run)
    assert run.returncode == 0, err
    assert weights(killed)[0] == weights(peace)[0]
    assert without_clock(killed) == without_clock(peace)
    assert weights(peace)[1]["steps"] == 400
    assert 0 < weights(peace)[1]["seconds"] < 120


def test_the_first_rank_alone_speaks_and_writes_the_plan(tmp_path):
    run = start(tmp_path / "run", 2, "--minutes", "0.01", "--json")
    out, err = finished(run)
    assert run.returncode == 0, err
    assert json.loads(out)["verdict"] == "out_of_time"
    lines = [line for line in err.splitlines() if "OMP_NUM_THREADS" not in line]
    said = [line for line in lines if line.strip("*") and "[c10d]" not in line]
    assert said[0].endswith(", in 1 process of 1 thread on each of 2 ranks.")
    assert len(said) == 4, err
    assert RunFolder(tmp_path / "run").read_settings()["plan"]["ranks"] == 2


def test_more_ranks_than_tasks_are_refused(tmp_path):
    run = start(tmp_path / "run", 2, "--meta-batch", "1", "--json")
    out, err = finished(run)
    sentence = (
        "every process needs a task of each step: meta_batch is 1, and there are 2 processes; raise "
        "--meta-batch, or start fewer."
    )
    assert json.loads(out) == {"error": sentence}
    assert err.count(sentence) == 1
    assert "exitcode  : 2" in err
    assert not (tmp_path / "run").exists()
