"""Returns of trained policies beside exact optima and the usual rules, a row for each run folder.

    innerloop train bandits --algorithm rl2 --arms 5 --trial-episodes 10 --seed 0 --out runs/n10k5
    python benchmarks/reinforcement.py runs/n10k5 ...      writes benchmarks/results/reinforcement.json

A row is of one seed. The interval is over `tasks` new tasks, which training has not seen. Beside a
learner by gradient steps stand a fresh policy that takes as many steps on as many episodes; and, where
its run is found in FOLDER-pretrained (the same training with --inner-steps 0 and twice the rollouts), a
policy trained for all tasks at once. The rates of everyone's steps are the best in other tasks.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from innerloop.core import Meta
from innerloop.reinforcement import Agent, PolicyRun, judge, load
from innerloop.reinforcement.judges.table import FRESH, beside, optimum

RESULTS = Path(__file__).parent / "results" / "reinforcement.json"
TASKS, SEED = 40_000, 1
FEWER, TUNING_SEED, TUNING_TASKS = 2_000, 2, 100  # of learners by gradient steps
RATES = (1e-3, 1e-2, 0.1, 1.0, 10.0)  # inner_lr
LATER = (0.1, 0.25, 0.5, 1.0)  # its part in the steps after the first


def best_rates(learner: Agent, meta: Meta, rates: tuple[float, ...]) -> Agent:
    """With the rates by which these weights earn most after all their steps, in other tasks."""
    tried = [learner.replace(inner_lr=one, later=part) for one in rates for part in LATER]
    last = [
        judge("", one.policy(meta), one.tasks, count=TUNING_TASKS, seed=TUNING_SEED).by_episode[-1]
        for one in tried
    ]
    return tried[last.index(max(last))]


def by_gradients(folder: str, run: PolicyRun) -> dict[str, tuple[Agent, Meta]]:
    """A learner by gradient steps, and its baselines; each with rates that suit it. The learner's
    first step is as it was trained."""
    learner = run.learner
    name, own = learner.spec.algorithm, (learner.spec.settings["inner_lr"],)
    starts = {"from scratch": learner.init(torch.Generator().manual_seed(FRESH))}
    if Path(f"{folder}-pretrained").is_dir():
        starts["pretrained"] = load(f"{folder}-pretrained").meta
    rated = {other: (best_rates(learner, meta, RATES), meta) for other, meta in starts.items()}
    return {name: (best_rates(learner, run.meta, own), run.meta), **rated}


def row(folder: str) -> dict[str, Any]:
    run = load(folder)
    tasks, training = run.learner.tasks, run.settings["training"]
    began = time.process_time()
    adapts = hasattr(run.learner.method, "rollouts")
    rated = by_gradients(folder, run) if adapts else {}
    policies = {name: learner.policy(meta) for name, (learner, meta) in rated.items()}
    own = policies.pop(run.learner.spec.algorithm, run.policy)
    count = FEWER if adapts else TASKS
    taken = [one["environment_steps"] for one in run.history if one["environment_steps"]]
    found = judge(
        run.learner.spec.algorithm,
        own,
        tasks,
        count=count,
        seed=SEED,
        baselines={**beside(tasks), **policies},
    )
    return {
        "environment": tasks.name,
        "environment_settings": tasks.settings,
        "algorithm": run.learner.spec.algorithm,
        "settings": run.settings["settings"],
        "seed": training["seed"],
        "steps": run.steps,
        "environment_steps": round(run.steps * sum(taken) / len(taken)),
        "training_minutes": round(run.seconds / 60, 2),
        "environment_steps_per_second": round(run.steps_per_second),
        "tasks": count,
        **found.figures(),
        "rates": {
            name: {key: learner.spec.settings[key] for key in ("inner_lr", "later")}
            for name, (learner, _) in rated.items()
        },
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
