"""The sinusoid table: MAML meta-trained with 10 examples, judged with 5, after 1, 5 and 10 steps.

Protocol (Finn et al. 2017, appendix): amplitude U[0.1, 5], phase U[0, pi], x in [-5, 5], network of
2 x 40 ReLU, meta-trained with 10 support and 10 query rows, one inner step of 0.01, Adam 1e-3, 25
tasks a step. Published 5-shot MSE after 1 / 5 / 10 steps: 0.67 / 0.38 / 0.35. Ours anneals the outer
learning rate to zero (cosine) and keeps the best weights by meta-validation (10-shot, 1 step).

    python benchmarks/sinusoids.py --steps 70000 --seeds 0 1 2 3 4
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
from innerloop.evaluation.interval import mean_and_ci95

PUBLISHED = {1: 0.67, 5: 0.38, 10: 0.35}
EPISODES = 2_000
QUERIES = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=70_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs", type=Path, default=Path("runs/sinusoids"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sinusoids.json"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in asked.seeds:
        rows.append(one(seed, asked.steps, asked.runs / f"{asked.steps}-{seed}"))
        asked.out.write_text(json.dumps(summary(asked.steps, rows), indent=1) + "\n")
        print(json.dumps(rows[-1]), flush=True)


def one(seed: int, steps: int, folder: Path) -> dict[str, object]:
    tasks = il.tasks.sinusoids(shots=10)
    learner = il.maml(il.models.mlp(1, 1), il.losses.mse, inner_lr=0.01, inner_steps=1)
    began = time.process_time()
    run = il.train(learner, tasks, steps=steps, meta_batch=25, seed=seed, out=folder, resume=True)
    if run.verdict is il.Verdict.INTERRUPTED:
        raise SystemExit(f"interrupted at step {run.steps} of seed {seed}")
    minutes = (time.process_time() - began) / 60
    test = tasks.replace(shots=5, queries=QUERIES).test
    found = {}
    for inner_steps in PUBLISHED:
        scores = il.evaluate(
            learner.replace(inner_steps=inner_steps), run.meta, test, episodes=EPISODES
        )
        found[str(inner_steps)] = {
            "mse": scores.mean,
            "ci95_over_tasks": scores.ci95,
            "median": float(scores.values.median()),
            "largest": float(scores.values.max()),
        }
    return {"seed": seed, "cpu_minutes": round(minutes, 2), "mse_after_steps": found}


def summary(steps: int, rows: list[dict]) -> dict[str, object]:
    """Means over seeds, with the 95 % interval over seeds (Student's t)."""
    table = {}
    for inner_steps, published in PUBLISHED.items():
        means = torch.tensor([r["mse_after_steps"][str(inner_steps)]["mse"] for r in rows])
        mean, ci95 = mean_and_ci95(means) if len(rows) > 1 else (float(means[0]), None)
        table[str(inner_steps)] = {"published": published, "mse": mean, "ci95_over_seeds": ci95}
    return {
        "protocol": __doc__.split("\n\n")[1],
        "steps": steps,
        "meta_batch": 25,
        "test": {"shots": 5, "queries": QUERIES, "episodes": EPISODES, "seed": 0},
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "torch": torch.__version__,
        "mse_after_inner_steps": table,
        "seeds": rows,
    }


if __name__ == "__main__":
    main()
