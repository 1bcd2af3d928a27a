"""Rare diseases, new patients and other hospitals: what meta-learning adds to what one has without.

phenopackets   diseases never met in meta-training, observed findings only, support and query from
               different publications; `semantic`, untrained (the nearest mean by cosine over terms and their
               ancestors) and meta-trained, paired on the same episodes. Diseases of split seed 0; seeds are of
               training; 600 test episodes, 300 for the ranks among all test diseases. All settings
               (lengths of x's parts, which opinions, steps) were chosen on meta-validation diseases.

    python benchmarks/medicine.py phenopackets --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import innerloop as il
from innerloop.evaluation import ranks
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.temperature import temperature
from innerloop.recipes import learner_for, recipe_for
from innerloop.structure.calibration import calibrate
from innerloop.structure.conformal import threshold

RESULTS = Path("benchmarks/results/medicine.json")
EPISODES, RANKED = 600, 300
TOP = (1, 5, 10)


class First(nn.Module):
    """The first columns of x alone."""

    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        return x[:, : self.count]


def phenopackets(seeds: list[int]) -> dict[str, Any]:
    tasks = il.tasks.phenopackets()
    learner = learner_for(tasks, "semantic")
    words = learner_for(tasks, "semantic", model=First(len(tasks.inputs.terms)))
    training = recipe_for("phenopackets", "semantic").training
    runs = []
    for seed in seeds:
        runs.append(il.train(learner, tasks, **training, seed=seed, progress=False))
        print("trained", seed, runs[-1].seconds, runs[-1].meta.params, flush=True)
    found: dict[str, Any] = {"training": [describe(run) for run in runs]}
    for ways, shots in ((5, 1), (5, 5), (20, 1), (20, 5)):
        stream = tasks.replace(ways=ways, shots=shots)
        judged = {
            "TF-IDF centroid": judge(words, words.init(), stream.test),
            "untrained": judge(learner, learner.init(), stream.test),
        }
        start = judged["untrained"].values
        trained = [judge(learner, run.meta, stream.test) for run in runs]
        row = {name: figures(scores) for name, scores in judged.items()}
        row["meta-trained"] = together(trained)
        row["gain"] = paired(torch.stack([t.values for t in trained]).mean(0) - start)
        row["gain by seed"] = [paired(t.values - start) for t in trained]
        row["temperature"] = temperature(learner, runs[0].meta, stream.validation)
        row["coverage of 90 % sets"] = covered(learner, runs[0].meta, stream)
        found[f"{ways}-way {shots}-shot"] = row
        print(ways, shots, json.dumps(row), flush=True)
    for shots in (1, 5):
        stream = tasks.replace(shots=shots).test
        everyone = stream.replace(ways=len(stream.fit))
        row = {"diseases": len(stream.fit)}
        start = ranks(learner, learner.init(), everyone, episodes=RANKED)
        each = [ranks(learner, run.meta, everyone, episodes=RANKED) for run in runs]
        for top in TOP:
            before, after = (start <= top).double(), torch.stack([(r <= top).double() for r in each])
            row[f"top-{top}"] = {
                "untrained": percent(before.mean(1)),
                "meta-trained": percent(after.mean((0, 2))),
                "gain": paired(after.mean((0, 2)) - before.mean(1)),
            }
        found[f"among all test diseases, {shots}-shot"] = row
        print(json.dumps(row), flush=True)
    return found


def judge(learner: il.Learner, meta: il.Meta, stream: Any) -> Any:
    return il.evaluate(learner, meta, stream, episodes=EPISODES, batch=10)


def describe(run: il.Run) -> dict[str, Any]:
    return {
        "seed": run.settings["training"]["seed"],
        "steps": run.steps,
        "minutes": round(run.seconds / 60, 2),
        "weights": [round(w, 2) for w in run.meta.params["semantic.weights"].tolist()],
    }


def figures(scores: Any) -> dict[str, float]:
    return {**percent(scores.values), "ece": round(scores.ece, 4)}


def together(trained: list[Any]) -> dict[str, Any]:
    """The mean over seeds of each episode, and its interval over episodes."""
    mean = percent(torch.stack([t.values for t in trained]).mean(0))
    return {**mean, "ece": round(sum(t.ece for t in trained) / len(trained), 4)}


def percent(values: Tensor) -> dict[str, float]:
    mean, ci95 = mean_and_ci95(values)
    return {"mean": round(100 * mean, 2), "ci95": round(100 * ci95, 2)}


paired = percent


def covered(learner: il.Learner, meta: il.Meta, tasks: Any) -> dict[str, Any]:
    """How often sets that were calibrated on meta-validation diseases hold the truth on test ones."""
    limits = calibrate(learner, meta, tasks.train, tasks.validation, tasks=300).limits
    limit = threshold(limits, 0.9)
    held, sizes = [], []
    for index in range(30):
        for episode in tasks.test.sample(seed=1, index=index, tasks=10):
            logits = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
            inside = 1 - logits.softmax(1) <= limit  # (Q, N)
            held.append(inside.gather(1, episode.query.y[:, None]).double().mean())
            sizes.append(inside.double().sum(1).mean())
    return {**percent(torch.stack(held)), "labels": round(float(torch.stack(sizes).mean()), 2)}


PARTS = {"phenopackets": phenopackets}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    found = PARTS[asked.part](asked.seeds)
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    kept[asked.part] = {
        "seeds": asked.seeds,
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used; torch {torch.__version__}",
        **found,
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
