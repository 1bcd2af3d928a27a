"""How fast a new task is learnt: error against seconds of adaptation, and against support size.

Protocol: test tasks of ARML's mixture (see mixture.py), the same for every learner, 20 noisy queries
each. From scratch (a fresh network of 2 x 40 for each task), fine-tuned (the same network pretrained
on the rows of all meta-training tasks), MAML, and mbml. The first two descend by Adam, with the rate
that does best on validation tasks; MAML and mbml take the runs of mixture.py. Seconds are those of
adapting one task alone on one thread, the median of 20. For the figure by support size each takes
the number of steps that does best on 10-shot validation tasks.

    python benchmarks/convergence.py --maml runs/mixture/maml-1750000-0 --mbml runs/mixture/mbml-1750000-0
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median

import torch

import innerloop as il
from innerloop.evaluation.curves import Curve, over_inner_steps, over_shots

TASKS, VALIDATION, QUERIES = 1_000, 200, 20
SHOTS = (1, 2, 5, 10, 20, 50)
MANY, FEW = (0, 1, 3, 10, 30, 100, 300), (0, 1, 2, 3, 5, 10, 30)
RATES = (0.003, 0.01, 0.03)
NAMES = ("from scratch", "fine-tuned", "maml", "mbml")
COLOURS = ("#8a8a8a", "#e09f3e", "#1b6ca8", "#d1495b")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maml", type=Path, required=True)
    parser.add_argument("--mbml", type=Path, required=True)
    parser.add_argument("--pretraining", type=int, default=5_000, help="steps, for fine-tuned")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/convergence.json"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    tasks = il.tasks.mixture(queries=QUERIES)
    found = {}
    for name, (learner, meta, steps) in contenders(tasks, asked).items():
        found[name] = judged(learner, meta, tasks, steps)
        print(json.dumps({name: found[name]}), flush=True)
    whole = {
        "protocol": " ".join(__doc__.split("\n\n")[1].split()),
        "runs": {name: getattr(asked, name).name for name in ("maml", "mbml")},
        "pretraining_steps": asked.pretraining,
        "learners": found,
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "torch": torch.__version__,
    }
    asked.out.write_text(json.dumps(whole, indent=1) + "\n")
    draw(asked.out.with_suffix(".png"), found)
    print(table(found))


Contenders = dict[str, tuple[il.Learner, il.Meta, Sequence[int]]]


def contenders(tasks: il.tasks.Tasks, asked: argparse.Namespace) -> Contenders:
    """name -> (learner, meta, numbers of inner steps to look at)"""
    scratch, finetune = (
        il.scratch(il.models.mlp(2, 1)),
        il.finetune(il.models.mlp(2, 1), moves="all"),
    )
    pretrained = il.train(
        finetune, tasks, steps=asked.pretraining, meta_batch=50, validate_every=0, progress=False
    )
    fresh = scratch.init(torch.Generator().manual_seed(0))
    made: Contenders = {
        "from scratch": (at_best_rate(scratch, fresh, tasks), fresh, MANY),
        "fine-tuned": (at_best_rate(finetune, pretrained.meta, tasks), pretrained.meta, MANY),
    }
    for name in ("maml", "mbml"):
        run = il.load(getattr(asked, name))
        made[name] = (run.learner, run.meta, FEW)
    return made


def at_best_rate(learner: il.Learner, meta: il.Meta, tasks: il.tasks.Tasks) -> il.Learner:
    def error(rate: float) -> float:
        return min(curve(learner.replace(inner_lr=rate), meta, tasks.validation, MANY).mean)

    return learner.replace(inner_lr=min(RATES, key=error))


def curve(
    learner: il.Learner,
    meta: il.Meta,
    stream: il.tasks.Stream,
    steps: Sequence[int],
    episodes: int = VALIDATION,
) -> Curve:
    return over_inner_steps(learner, meta, stream, inner_steps=steps, episodes=episodes)


def judged(
    learner: il.Learner, meta: il.Meta, tasks: il.tasks.Tasks, steps: Sequence[int]
) -> dict[str, object]:
    validation = curve(learner, meta, tasks.validation, steps).mean
    best = steps[min(range(len(steps)), key=validation.__getitem__)]
    test = curve(learner, meta, tasks.test, steps, TASKS)
    support = tasks.test.sample(0, 0, 1)[0].support
    shots = over_shots(
        learner.replace(inner_steps=best), meta, tasks.test, shots=SHOTS, episodes=TASKS
    )
    return {
        "inner_lr": learner.spec.settings["inner_lr"],
        "steps_best_on_validation": best,
        "validation_mse": validation,
        "by_steps": test.to_json(),
        "seconds": [seconds(learner.replace(inner_steps=k), meta, support) for k in steps],
        "by_shots": shots.to_json(),
    }


def seconds(learner: il.Learner, meta: il.Meta, support: il.Examples) -> float:
    """To adapt one task alone, the median of 20."""
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        learner.adapt(meta, support)
        taken.append(time.perf_counter() - began)
    return median(taken)


def table(found: dict[str, dict]) -> str:
    lines = []
    for name, row in found.items():
        steps, shots = row["by_steps"], row["by_shots"]
        best = steps["at"].index(row["steps_best_on_validation"])
        figure = f"{steps['mean'][best]:.3f} ± {steps['ci95'][best]:.3f}"
        by_shots = "  ".join(
            f"{k}: {m:.3g}" for k, m in zip(shots["at"], shots["mean"], strict=True)
        )
        time_taken = f"{1e3 * row['seconds'][best]:.1f} ms"
        lines.append(f"{name:13}{figure:18}{time_taken:>10}   by shots  {by_shots}")
    return "\n".join(lines)


def draw(path: Path, found: dict[str, dict]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for name, colour in zip(NAMES, COLOURS, strict=True):
        steps, shots = found[name]["by_steps"], found[name]["by_shots"]
        how = {"color": colour, "marker": "o", "markersize": 4, "label": name, "capsize": 2}
        left.errorbar(found[name]["seconds"], steps["mean"], steps["ci95"], **how)
        right.errorbar(shots["at"], shots["mean"], shots["ci95"], **how)
    for axis, words in ((left, "seconds to adapt to one task"), (right, "support rows")):
        axis.set(xscale="log", yscale="log", xlabel=words)
        axis.axhline(0.09, color="#999999", linewidth=1, linestyle=":")
        axis.grid(color="#eeeeee")
    left.set_ylabel("squared error on new tasks (dotted: noise)")
    right.legend(frameon=False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
