"""The Omniglot rows of a finished run: 5 and 20 ways, 1 and 5 shots, on characters never seen.

Vinyals split, 423 upright test characters, non-transductive unless the run says otherwise.

    innerloop train omniglot --algorithm protonet --out runs/omniglot-protonet
    python benchmarks/omniglot.py runs/omniglot-protonet
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import date
from pathlib import Path

import torch

import innerloop as il

ROWS = ((5, 1, 15, 2_000), (5, 5, 15, 600), (20, 1, 5, 600), (20, 5, 5, 300))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--inner-steps", type=int)
    parser.add_argument("--transductive", action="store_true", help="as the MAML paper tests")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    run = il.load(asked.run)
    learner = run.learner
    if asked.inner_steps is not None:
        learner = learner.replace(inner_steps=asked.inner_steps)
    if asked.transductive:
        learner = learner.replace(transductive=True)
    largest = run.tasks.outputs if "inner_steps" in learner.spec.settings else 20
    rows = [row(learner, run, *r) for r in ROWS if r[0] <= largest]
    name = learner.spec.algorithm
    found = {
        "command": f"innerloop train omniglot --algorithm {name}",
        "split": "vinyals, upright test characters",
        "settings": run.settings,
        "training_minutes": round(run.seconds / 60, 2),
        "steps": run.steps,
        "inner_steps_at_test": learner.spec.settings.get("inner_steps"),
        "rows": rows,
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "torch": torch.__version__,
    }
    kind = "-transductive" if asked.transductive else ""
    out = asked.out or Path(f"benchmarks/results/omniglot-{name}{kind}.json")
    out.write_text(json.dumps(found, indent=1) + "\n")


def row(
    learner: il.Learner, run: il.Run, ways: int, shots: int, queries: int, episodes: int
) -> dict[str, object]:
    stream = run.tasks.replace(ways=ways, shots=shots, queries=queries).test
    began = time.process_time()
    scores = il.evaluate(learner, run.meta, stream, episodes=episodes)
    print(f"{ways}-way {shots}-shot: {scores}", flush=True)
    return {**scores.to_json(), "cpu_seconds": round(time.process_time() - began, 1)}


if __name__ == "__main__":
    main()
