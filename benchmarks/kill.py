"""Kill a training run with -9 at random moments, resume it each time, and compare the bits.

    python benchmarks/kill.py --kills 20 --steps 2000 --out benchmarks/results/kill.json

Every attempt is a process of its own, forked from one that has torch loaded, so that most of its
life is training and saving. Writes JSON: kills, how many half-written files they left, and whether
the final weights and the history equal those of a run that was left in peace.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

import innerloop as il
from innerloop.training.files import BESIDE
from innerloop.training.folder import RunFolder


def train(folder: Path, steps: int, resume: bool) -> il.Run:
    learner = il.maml(il.models.mlp(1, 1), inner_lr=0.01)
    return il.train(
        learner,
        il.tasks.sinusoids(),
        steps=steps,
        meta_batch=4,
        clip=10.0,
        ema=0.9,
        validate_every=max(1, steps // 10),
        validation_episodes=5,
        save_every=3,
        seed=1,
        out=folder,
        resume=resume,
        progress=False,
    )


def attempt(folder: Path, steps: int) -> int:
    """Start or resume the run in a child process; its number."""
    child = os.fork()
    if child == 0:
        try:
            train(folder, steps, resume=True)
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    return child


def kill_often(folder: Path, steps: int, kills: int, seconds: float, seed: int) -> dict[str, int]:
    """Kill until `kills` have hit, then let the run finish."""
    moments, done, torn = random.Random(seed), 0, 0
    while True:
        child = attempt(folder, steps)
        if done < kills:
            time.sleep(moments.uniform(0, 1.2 * seconds / kills))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0, "an attempt failed; see above"
            return {"kills": done, "torn_files": torn}
        done += 1
        torn += sum(1 for _ in folder.rglob(f"{BESIDE}*"))


def content(folder: Path) -> tuple[str, list[dict]]:
    """(digest of the result's tensors, the history without its clock)."""
    meta, _ = RunFolder(folder).read_result()
    found = hashlib.sha256()
    for name in sorted(meta.params):
        found.update(meta.params[name].numpy().tobytes())
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return found.hexdigest(), [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--steps", type=int, default=2_000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, default=Path("benchmarks/results/kill.json"))
    asked = options.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as where:
        began = time.monotonic()
        train(Path(where) / "warm", 3, resume=False)
        began = time.monotonic()
        train(Path(where) / "peace", asked.steps, resume=False)
        seconds = time.monotonic() - began
        killed = kill_often(Path(where) / "killed", asked.steps, asked.kills, seconds, asked.seed)
        (peace, rows), (other, lines) = (content(Path(where) / n) for n in ("peace", "killed"))
    result = {
        **killed,
        "steps": asked.steps,
        "same_bits": peace == other,
        "same_history": rows == lines,
        "seconds_uninterrupted": round(seconds, 2),
        "weights": peace[:16],
        "torch": torch.__version__,
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
