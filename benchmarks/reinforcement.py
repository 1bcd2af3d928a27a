"""Returns of trained policies beside exact optima and the usual rules, a row for each run folder.

    innerloop train bandits --algorithm rl2 --arms 5 --trial-episodes 10 --seed 0 --out runs/n10k5
    python benchmarks/reinforcement.py runs/n10k5 ...      writes benchmarks/results/reinforcement.json

A row is of one seed. The interval is over `tasks` new tasks, which training has not seen.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from innerloop.reinforcement import judge, load
from innerloop.reinforcement.judges.table import beside, optimum

RESULTS = Path(__file__).parent / "results" / "reinforcement.json"
TASKS, SEED = 40_000, 1


def row(folder: str) -> dict[str, Any]:
    run = load(folder)
    tasks, training = run.learner.tasks, run.settings["training"]
    began = time.process_time()
    found = judge(
        run.learner.spec.algorithm,
        run.policy,
        tasks,
        count=TASKS,
        seed=SEED,
        baselines=beside(tasks),
    )
    return {
        "environment": tasks.name,
        "environment_settings": tasks.settings,
        "algorithm": run.learner.spec.algorithm,
        "settings": run.settings["settings"],
        "seed": training["seed"],
        "steps": run.steps,
        "environment_steps": run.steps * training["meta_batch"] * tasks.steps,
        "training_minutes": round(run.seconds / 60, 2),
        "environment_steps_per_second": round(run.steps_per_second),
        "tasks": TASKS,
        **found.figures(),
        "optimum": optimum(tasks),
        "baselines": {name: one.figures() for name, one in found.baselines.items()},
        "evaluation_cpu_seconds": round(time.process_time() - began, 1),
    }


def main() -> None:
    torch.set_num_threads(1)
    if not sys.argv[1:]:
        raise SystemExit("give run folders: python benchmarks/reinforcement.py runs/n10k5 ...")
    held = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"rows": []}
    rows = [row(folder) for folder in sys.argv[1:]]
    keys = ("environment", "environment_settings", "algorithm", "settings", "seed")
    known = [[one[key] for key in keys] for one in rows]
    others = [old for old in held["rows"] if [old[key] for key in keys] not in known]
    machine = {"torch": torch.__version__, "threads": 1, "machine": platform.machine()}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": others + rows}, indent=1) + "\n")
    for one in rows:
        print(
            one["environment"], one["algorithm"], round(one["mean"], 3), "±", round(one["ci95"], 3)
        )


if __name__ == "__main__":
    main()
