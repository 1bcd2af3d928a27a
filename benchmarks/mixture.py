"""ARML's mixture of six families of functions: 10-shot error of each learner, per family.

Protocol (Yao et al. 2020, arXiv:2001.00745, as its released generator draws tasks): inputs in
[-5, 5]^2, targets with noise of standard deviation 0.3 in support and query alike, 10 support and 10
query rows, each family as likely as another, 1.75 million tasks of meta-training (70,000 steps of
25). Errors are against the noisy query targets, as in the released code, so no learner is below 0.09.
Published: MAML 2.29, Meta-SGD 2.91, MUMOMAML 0.52, HSML 0.49, ARML 0.44. Ours take 50 tasks a step,
anneal the outer rate to zero (cosine) and keep the best weights by meta-validation. MAML and
Meta-SGD shorten a task's inner gradient (`inner_clip`), so that steep tasks do not throw them off;
how far, and their rates, were chosen on meta-validation tasks (--tune, 250,000 tasks of training
each, one seed; mixture-tuning.json). A row says how many tasks its learner met.

    python benchmarks/mixture.py --tune maml meta_sgd
    python benchmarks/mixture.py --learners maml meta_sgd mbml --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import date
from itertools import product
from pathlib import Path

import numpy as np
import torch

import innerloop as il
from innerloop.evaluation.interval import mean_and_ci95

PUBLISHED = {"maml": 2.292, "meta_sgd": 2.908, "mumomaml": 0.523, "hsml": 0.494, "arml": 0.438}
BUDGET, META_BATCH, EPISODES, VALIDATION = 1_750_000, 50, 4_000, 2_000
TUNING, TUNED = 250_000, "mixture-tuning.json"  # tasks, and where what came out lies
STEPS = 5


def learners() -> dict[str, tuple[il.Learner, float]]:
    """Each with its outer learning rate."""
    made = {"cnp": (il.cnp(inputs=2), 1e-3)}
    for name in ("maml", "meta_sgd"):
        best = tuned(name)
        how = {setting: best[setting] for setting in ("inner_lr", "inner_clip")}
        made[name] = (
            il.ALGORITHMS[name](il.models.mlp(2, 1), inner_steps=STEPS, **how),
            best["lr"],
        )
    for name in ("anp", "mbml"):
        if name in il.ALGORITHMS:
            made[name] = (il.ALGORITHMS[name](inputs=2), 1e-3)
    return made


def descending(name: str, inner_lr: float, inner_clip: float) -> il.Learner:
    """MAML or Meta-SGD on the network that all of them have."""
    settings = {"inner_lr": inner_lr, "inner_clip": inner_clip, "inner_steps": STEPS}
    return il.ALGORITHMS[name](il.models.mlp(2, 1), **settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", nargs="+", default=list(learners()))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tasks", type=int, default=BUDGET)
    parser.add_argument("--tune", nargs="+", choices=("maml", "meta_sgd"), default=[])
    parser.add_argument("--runs", type=Path, default=Path("runs/mixture"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/mixture.json"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.tune:
        tune(asked.tune, asked.out.with_name(TUNED))
        return
    for seed in asked.seeds:
        for name in asked.learners:
            row = one(name, seed, asked.tasks, asked.runs / f"{name}-{asked.tasks}-{seed}")
            keep(asked.out, row)
            print(json.dumps(row), flush=True)


def tuned(name: str) -> dict[str, float]:
    """The setting that did best on meta-validation tasks."""
    found = json.loads((Path(__file__).parent / "results" / TUNED).read_text())
    return min(
        (row for row in found["rows"] if row["learner"] == name), key=lambda r: r["validation_mse"]
    )


def tune(names: list[str], path: Path) -> None:
    """Each setting trained a little and judged on meta-validation tasks."""
    tasks, rows = il.tasks.mixture(), []
    for name, inner_lr, clip, lr in product(names, (0.01, 0.03, 0.1), (1.0, 10.0), (1e-3, 3e-3)):
        learner = descending(name, inner_lr, clip)
        run = il.train(
            learner,
            tasks,
            steps=TUNING // META_BATCH,
            meta_batch=META_BATCH,
            lr=lr,
            validate_every=0,
        )
        found = il.evaluate(learner, run.meta, tasks.validation, episodes=VALIDATION)
        how = {
            "learner": name,
            "inner_lr": inner_lr,
            "inner_clip": clip,
            "inner_steps": STEPS,
            "lr": lr,
            "tasks": TUNING,
            "seed": 0,
        }
        rows.append({**how, "validation_mse": found.mean, "median": float(found.values.median())})
        print(json.dumps(rows[-1]), flush=True)
        path.write_text(json.dumps({"episodes": VALIDATION, "rows": rows}, indent=1) + "\n")


def one(name: str, seed: int, budget: int, folder: Path) -> dict[str, object]:
    """Train and judge one learner."""
    tasks = il.tasks.mixture()
    learner, lr = learners()[name]
    began = time.process_time()
    run = il.train(
        learner,
        tasks,
        steps=budget // META_BATCH,
        meta_batch=META_BATCH,
        lr=lr,
        validation_episodes=500,
        seed=seed,
        out=folder,
        resume=True,
    )
    if run.verdict is il.Verdict.INTERRUPTED:
        raise SystemExit(f"interrupted at step {run.steps} of {name}, seed {seed}")
    minutes = (time.process_time() - began) / 60
    row = {
        "learner": name,
        "seed": seed,
        "tasks": run.steps * META_BATCH,
        "lr": lr,
        "settings": {k: v for k, v in learner.spec.settings.items() if is_plain(v)},
        "cpu_minutes": round(minutes, 2),
        **figures(learner, run.meta, tasks.test),
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "torch": torch.__version__,
    }
    if "inner_steps" in learner.spec.settings:
        row["validation_mse_after_steps"] = {
            str(steps): il.evaluate(
                learner.replace(inner_steps=steps), run.meta, tasks.validation, episodes=VALIDATION
            ).mean
            for steps in (0, 1, 2, 3, 5, 10)
        }
    return row


def is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def figures(learner: il.Learner, meta: il.Meta, test: il.tasks.Stream) -> dict[str, object]:
    """Squared error on the test tasks, overall and by family, with 95 % intervals over tasks."""
    scores = il.evaluate(learner, meta, test, episodes=EPISODES)
    kinds = torch.from_numpy(test.kinds(scores.seed, np.arange(EPISODES)))
    by_family = {
        name: dict(zip(("mse", "ci95"), mean_and_ci95(scores.values[kinds == kind]), strict=True))
        for kind, name in enumerate(test.kind_names)
    }
    return {
        "mse": scores.mean,
        "ci95_over_tasks": scores.ci95,
        "median": float(scores.values.median()),
        "nll": float(scores.nll.mean()),
        "milliseconds_to_adapt": scores.milliseconds,
        "families": by_family,
    }


def keep(path: Path, row: dict[str, object]) -> None:
    """Put a row into the results, in place of an earlier one of the same learner, budget and seed."""
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [r for r in rows if any(r[k] != row[k] for k in ("learner", "seed", "tasks"))] + [row]
    rows.sort(key=lambda r: (r["learner"], r["tasks"], r["seed"]))
    groups: dict[str, list[float]] = {}
    for r in rows:
        groups.setdefault(f"{r['learner']}, {r['tasks']} tasks", []).append(r["mse"])
    summary = {
        name: {"mse": sum(mses) / len(mses), "seeds": len(mses)}
        | ({"ci95_over_seeds": mean_and_ci95(torch.tensor(mses))[1]} if len(mses) > 1 else {})
        for name, mses in groups.items()
    }
    whole = {
        "protocol": " ".join(__doc__.split("\n\n")[1].split()),
        "published": PUBLISHED,
        "test": {"episodes": EPISODES, "seed": 0},
        "summary": summary,
        "rows": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
