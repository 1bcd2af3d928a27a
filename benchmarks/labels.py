"""Does each learner use the labels of its support set? The probe on every one of them.

Protocol: each learner of the table is trained for 0.4 minutes on one thread, with what its
paper suggests, on sinusoids (10-shot, where it takes numbers) and on glyphs (5-way 5-shot, images
as rows of pixels, an MLP where it wants a network); then 200 test tasks as they are, and with the
support labels in another order. A learner is said to use them where that makes it worse by more than
a trifle (`il.structure.probe`). The last two rows are made to ignore theirs: the same network
process, whose support targets are noughts, so that a probe that calls everything sound is seen.

    python benchmarks/labels.py
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch

import innerloop as il
from innerloop.recipes.build import RAW, learner_for

MINUTES, EPISODES = 0.4, 200
FAMILIES = {
    "sinusoids": lambda: il.tasks.sinusoids(shots=10),
    "glyphs": lambda: il.tasks.glyphs(ways=5, shots=5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", nargs="+", default=list(il.ALGORITHMS))
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/labels.json"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for family, make in FAMILIES.items():
        tasks = make()
        for name in [*asked.learners, "deaf cnp"]:
            rows.append({"learner": name, "tasks": family, **row(name, tasks, asked.minutes)})
            print(json.dumps(rows[-1]), flush=True)
            keep(asked.out, rows)


def row(name: str, tasks: il.tasks.Tasks, minutes: float) -> dict[str, Any]:
    began = time.process_time()
    try:
        learner = made(name, tasks)
        run = il.train(learner, tasks, minutes=minutes, validate_every=0, workers=1)
        found = il.structure.probe(learner, run.meta, tasks.test, episodes=EPISODES)
    except il.InputError as refusal:
        return {"refused": str(refusal)}
    cost, ci95 = found.cost
    return {
        "metric": found.metric,
        "plain": float(found.plain.mean()),
        "worse_when_shuffled": cost,
        "ci95": ci95,
        "uses_labels": found.uses_labels,
        "verdict": found.verdict,
        "steps": run.steps,
        "cpu_minutes": round((time.process_time() - began) / 60, 2),
    }


def made(name: str, tasks: il.tasks.Tasks) -> il.Learner:
    if name == "deaf cnp":
        return deaf(learner_for(tasks, "cnp"))
    flat = tasks.kind == "classification" and name not in RAW
    takes_rows = "inputs" in il.outer.learner.settings_of(il.ALGORITHMS[name])
    return learner_for(tasks, name, model="mlp" if flat and not takes_rows else None)


def deaf(learner: il.Learner) -> il.Learner:
    """The same learner, which is shown noughts for targets, or the same class for all."""
    method: Any = learner.method

    class Deaf(type(method)):
        def adapt(self, meta: Any, support: il.Examples, *further: Any, **more: Any) -> Any:
            return super().adapt(meta, without_targets(support), *further, **more)

        def task_loss(self, meta: Any, episode: Any, *further: Any) -> Any:
            support = without_targets(episode.support)
            return super().task_loss(meta, dataclasses.replace(episode, support=support), *further)

    fields = {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}
    return dataclasses.replace(learner, method=Deaf(**fields))


def without_targets(support: il.Examples) -> il.Examples:
    return il.Examples(support.x, torch.zeros_like(support.y), support.mask, support.ways)


def keep(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "protocol": " ".join(__doc__.split("\n\n")[1].split()),
        "minutes": MINUTES,
        "episodes": EPISODES,
        "seed": 0,
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "torch": torch.__version__,
        "rows": rows,
    }
    path.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
