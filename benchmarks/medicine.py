"""Rare diseases, new patients and other hospitals: what meta-learning adds to what one has without.

phenopackets   diseases never met in meta-training, observed findings only, support and query from
               different publications; `semantic`, untrained (the nearest mean by cosine over terms and their
               ancestors) and meta-trained, paired on the same episodes. Diseases of split seed 0; seeds are of
               training; 600 test episodes; for the ranks among all test diseases 100 draws of their patients, and
               intervals over diseases. All settings
               (lengths of x's parts, which opinions, steps) were chosen on meta-validation diseases.

parkinsons     five recordings of a new patient, 50 others judged: mean squared error of the total UPDRS; seeds
               deal out the 42 patients and train, and a patient counts once in the interval, however
               often drawn. The strengths of the ridges are chosen on meta-validation patients.
heart          one hospital left out of four, 10 of its patients as they come, up to 100 others judged, 100 draws;
               a hospital has no interval, since it is one task. Rates, steps and decay were chosen once for
               all, by the mean over all pairs of a hospital unseen and another one judged: so every hospital
               took part in that choice as a judge, and figures are to that extent too good. `local only` and all that is adapted
               see the same ten; decision thresholds play no part.

    python benchmarks/medicine.py phenopackets --seeds 0 1 2
    python benchmarks/medicine.py parkinsons --seeds 0 1 2 3 4
    python benchmarks/medicine.py heart --seeds 0 1 2
    python benchmarks/medicine.py heart_sets --seeds 0
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

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

import innerloop as il
from innerloop.evaluation import expected_calibration_error as il_ece
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.ranking import ranking
from innerloop.evaluation.temperature import fitted, logits_of, reliable
from innerloop.likelihoods import Categorical
from innerloop.recipes import learner_for, recipe_for
from innerloop.structure.conformal import label_sets, miss, threshold, thresholds
from innerloop.tasks.medicine.heart import HOSPITALS
from innerloop.training.optimiser import adamw

RESULTS = Path("benchmarks/results/medicine.json")
EPISODES, RANKED, CALIBRATED = 600, 100, 200
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
    start = il.protonet(nn.Flatten(), distance="cosine")  # what `semantic` is before it has learnt
    words = il.protonet(First(len(tasks.inputs.terms)), distance="cosine")
    training = recipe_for("phenopackets", "semantic").training
    runs = [il.train(learner, tasks, **training, seed=s, validate_every=0) for s in seeds]
    found: dict[str, Any] = {"training": [describe(run) for run in runs]}
    keep("phenopackets", found)
    for ways, shots in ((5, 1), (20, 1), (5, 5), (20, 5)):
        stream = tasks.replace(ways=ways, shots=shots)
        before = judge(start, start.init(), stream.test)
        after = [judge(learner, run.meta, stream.test) for run in runs]
        gain = torch.stack([each.values for each in after]).mean(0) - before.values
        found[f"{ways}-way {shots}-shot"] = {
            "TF-IDF centroid": figures(judge(words, words.init(), stream.test)),
            "untrained": figures(before),
            "meta-trained": together(after),
            "gain": percent(gain),
            "gain by seed": [percent(each.values - before.values) for each in after],
            **calibrated(learner, runs[0].meta, stream),
        }
        keep("phenopackets", found)
    for shots in (1, 5):
        stream = tasks.replace(shots=shots).test
        found[f"among all test diseases, {shots}-shot"] = ranked(
            stream, (start, start.init()), runs
        )
        keep("phenopackets", found)
    return found


def ranked(stream: Any, start: Any, runs: list[il.Run]) -> dict[str, Any]:
    """Top-1, 5, 10 of all diseases; means over seeds and draws, intervals over diseases."""
    trained = {f"seed {run.settings['training']['seed']}": run for run in runs}
    found = ranking("untrained", start, stream, episodes=RANKED, baselines=trained)
    row: dict[str, Any] = {"diseases": found.ways, "draws": RANKED}
    for top in TOP:
        hits = {name: (places <= top).double() for name, places in found.places.items()}
        after = torch.stack([hits[name] for name in trained]).mean(0)
        row[f"top-{top}"] = {
            "untrained": percent(hits["untrained"], found.classes),
            "meta-trained": percent(after, found.classes),
            "gain": percent(after - hits["untrained"], found.classes),
            "gain by seed": [percent(hits[n] - hits["untrained"], found.classes) for n in trained],
        }
    return row


def judge(learner: il.Learner, meta: il.Meta, stream: Any) -> Any:
    return il.evaluate(learner, meta, stream, episodes=EPISODES, batch=4)


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


def percent(values: Tensor, owners: Tensor | None = None) -> dict[str, float]:
    mean, ci95 = mean_and_ci95(values, owners)
    return {"mean": round(100 * mean, 2), "ci95": round(100 * ci95, 2)}


def calibrated(learner: il.Learner, meta: il.Meta, tasks: il.tasks.Tasks) -> dict[str, Any]:
    """Of the first seed: a temperature and 90 % sets, both from meta-validation diseases, on test ones."""
    known, right = logits_of(learner, meta, tasks.validation, episodes=CALIBRATED, seed=1, batch=4)
    misses = torch.cat([miss(Categorical(), *pair) for pair in zip(known, right, strict=True)])
    weights = torch.full((len(misses),), CALIBRATED / len(misses))
    limit = threshold(thresholds(misses, weights), 0.9)
    heat = fitted(known, right)
    logits, right = logits_of(learner, meta, tasks.test, episodes=CALIBRATED, seed=1, batch=4)
    sets = [label_sets(Categorical(), part, limit) for part in logits]
    held = [s.gather(1, y[:, None]).double() for s, y in zip(sets, right, strict=True)]
    return {
        "temperature": round(heat, 3),
        "ece, of these": round(reliable(logits, right, 1.0).error, 4),
        "ece with temperature": round(reliable(logits, right, heat).error, 4),
        "coverage of 90 % sets": percent(torch.cat(held).view(CALIBRATED, -1).mean(1)),
        "labels in a set": round(float(torch.cat(sets).double().sum(1).mean()), 2),
    }


def parkinsons(seeds: list[int]) -> dict[str, Any]:
    rows: dict[str, list[tuple[Tensor, Tensor]]] = {}
    for seed in seeds:
        for name, values, patients in one_division(seed):
            rows.setdefault(name, []).append((values, patients))
        print(seed, {name: float(held[-1][0].mean()) for name, held in rows.items()}, flush=True)
    each = {n: tuple(map(torch.cat, zip(*held, strict=True))) for n, held in rows.items()}
    found: dict[str, Any] = {"patients": len(each["time only"][1].unique()), "mse": {}}
    for name, (values, patients) in each.items():
        mean, ci95 = mean_and_ci95(values, patients)
        gap, gap95 = mean_and_ci95(each["time only"][0] - values, patients)
        found["mse"][name] = {
            "mean": round(mean, 2),
            "ci95": round(ci95, 2),
            "less than time only by": {"mean": round(gap, 2), "ci95": round(gap95, 2)},
        }
    return found


def one_division(seed: int) -> list[tuple[str, Tensor, Tensor]]:
    """(method, squared error of each episode, whose it is) for patients dealt out by this seed."""
    voice, both = (il.tasks.parkinsons(seed=seed, time=time) for time in (False, True))
    pooled = pooled_ridge(voice)
    contenders: dict[str, tuple[Any, il.Learner, il.Meta]] = {}
    for name, tasks in (
        ("time only", voice.beside["time only"]),
        ("ridge from scratch, voice", voice),
        ("ridge from scratch, voice and time", both),
    ):
        learner = best_ridge(tasks)
        contenders[name] = (tasks, learner, learner.init())
    constant = il.ridge(strength=1e9)
    contenders["mean of the five"] = (voice, constant, constant.init())
    for name, tasks in (("meta-trained, voice", voice), ("meta-trained, voice and time", both)):
        learner = il.ridge(il.models.reweighted(tasks.input_shape[0]), strength=10.0)
        run = il.train(learner, tasks, steps=500, meta_batch=16, lr=0.03, seed=seed, progress=False)
        contenders[name] = (tasks, learner, run.meta)
    found = []
    for name, (tasks, learner, meta) in contenders.items():
        scores = il.evaluate(learner, meta, tasks.test, episodes=500)
        found.append((name, scores.values, scores.tasks))
    episodes = voice.test.sample(tasks=100)
    scale = voice.test.scale
    errors, own = [], []
    for index in range(5):
        episodes = voice.test.sample(index=index, tasks=100)
        answers = torch.from_numpy(pooled(episodes.query.x.flatten(0, 1).numpy())).view(100, -1)
        errors.append((answers - episodes.query.y[..., 0]).square().mean(1) * scale**2)
        own.append(episodes.task)
    return [*found, ("pooled ridge, voice", torch.cat(errors).double(), torch.cat(own))]


def best_ridge(tasks: il.tasks.Tasks) -> il.Learner:
    """The strength that does best on meta-validation patients."""
    tried = [il.ridge(strength=strength) for strength in (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)]

    def error(learner: il.Learner) -> float:
        return il.evaluate(learner, learner.init(), tasks.validation, episodes=300).mean

    return min(tried, key=error)


def pooled_ridge(tasks: il.tasks.Tasks) -> Any:
    """One line for everyone, of all recordings of meta-training's patients."""
    bank = tasks.train.bank
    rows = np.arange(len(bank.order))
    model = RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(
        bank.x(rows).numpy(), bank.y(rows).numpy()[:, 0]
    )
    return model.predict


class Score(nn.Module):
    """What pooled logistic regression says, as log-odds; a slope and an offset can be learnt."""

    def __init__(self, pooled: LogisticRegression):
        super().__init__()
        self.register_buffer("weight", torch.tensor(pooled.coef_, dtype=torch.float32))
        self.register_buffer("bias", torch.tensor(pooled.intercept_, dtype=torch.float32))
        self.out = nn.Linear(1, 1)
        nn.init.ones_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x @ self.weight.T + self.bias)


def pooled_score(tasks: Any) -> Any:
    """A logistic regression on all patients of the training hospitals."""
    bank = tasks.train.bank
    rows = np.arange(len(bank.order))
    return logistic().fit(bank.x(rows).numpy(), bank.y(rows).numpy()[:, 0])


def heart(seeds: list[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for hospital in HOSPITALS:
        tasks = il.tasks.heart(hospital=hospital)
        pooled = pooled_score(tasks)
        score = il.maml(Score(pooled), inner_lr=0.3, inner_steps=3)
        free = il.maml(
            il.models.mlp(tasks.input_shape[0], 1, layers=0), inner_lr=0.1, inner_steps=3
        )
        how = {"meta_batch": 8, "validate_every": 0, "progress": False}
        decay = adamw(weight_decay=1.0)
        trained = {"pooled, adapted by three steps, untrained": [(score, score.init())]}
        runs = [il.train(score, tasks, seed=s, steps=100, lr=3e-3, **how) for s in seeds]
        trained["pooled, adapted by three steps, meta-trained"] = [(score, r.meta) for r in runs]
        runs = [
            il.train(free, tasks, seed=s, steps=300, lr=0.01, optimiser=decay, **how) for s in seeds
        ]
        trained["maml, linear"] = [(free, r.meta) for r in runs]
        found[hospital] = of_hospital(tasks, pooled, trained)
        print(hospital, json.dumps(found[hospital]), flush=True)
    for title, least, most in (("mean", np.mean, np.mean), ("worst", np.min, np.max)):
        found[title] = {
            name: {
                figure: round(float(pick([found[h][name][figure] for h in HOSPITALS])), 4)
                for figure, pick in (("auroc", least), ("brier", most), ("ece", most))
            }
            for name in found[HOSPITALS[0]]
        }
    return found


def heart_sets(seeds: list[int]) -> dict[str, Any]:
    """Coverage of 90 % sets in the left-out hospital, limits from 100 draws of each training hospital.
    The score was fitted on those same patients, and three hospitals are three tasks: no guarantee."""
    found: dict[str, Any] = {}
    for hospital in HOSPITALS:
        tasks = il.tasks.heart(hospital=hospital)
        pooled = pooled_score(tasks)
        learner = il.maml(Score(pooled), inner_lr=0.3, inner_steps=3)
        known, truth = of_both(learner, tasks.validation, 300)
        misses = torch.where(truth, 1 - known, known)
        limit = threshold(thresholds(misses, torch.full((len(misses),), 300 / len(misses))), 0.9)
        known, truth = of_both(learner, tasks.test, 100)
        held = torch.where(truth, 1 - known, known) <= limit
        either = (1 - known <= limit).double() + (known <= limit).double()
        found[hospital] = {
            "coverage": round(100 * float(held.double().mean()), 1),
            "labels in a set": round(float(either.mean()), 2),
        }
    return found


def of_both(learner: il.Learner, stream: Any, draws: int) -> tuple[Tensor, Tensor]:
    """(rows,) chances of disease and the truth, of all queries."""
    meta, episodes = learner.init(), stream.sample(seed=1, tasks=draws)
    chances = [torch.from_numpy(chance(learner, meta, episode)) for episode in episodes]
    return torch.cat(chances), torch.cat([e.query.y[:, 0] > 0.5 for e in episodes])


def of_hospital(
    tasks: il.tasks.Tasks,
    pooled: LogisticRegression,
    trained: dict[str, list[tuple[il.Learner, il.Meta]]],
    draws: int = 100,
) -> dict[str, dict[str, float]]:
    """Figures of the left-out hospital; of several seeds their mean."""
    episodes = tasks.test.sample(seed=1, tasks=draws)
    truth = [episode.query.y.numpy()[:, 0] for episode in episodes]
    found = {
        "pooled logistic regression": figures_of(
            [pooled.predict_proba(e.query.x.numpy())[:, 1] for e in episodes], truth
        ),
        "local only": figures_of([local_only(episode) for episode in episodes], truth),
    }
    for name, learnt in trained.items():
        each = [figures_of([chance(*pair, e) for e in episodes], truth) for pair in learnt]
        found[name] = {f: round(float(np.mean([one[f] for one in each])), 4) for f in each[0]}
    return found


def local_only(episode: il.Episode) -> np.ndarray:
    """Logistic regression on the ten patients; their share of disease where all are of one kind."""
    x, y = episode.support.x.numpy(), episode.support.y.numpy()[:, 0]
    asked = episode.query.x.numpy()
    if len(set(y.tolist())) == 1:
        return np.full(len(asked), (y.sum() + 0.5) / (len(y) + 1))
    return logistic().fit(x, y).predict_proba(asked)[:, 1]


def chance(learner: il.Learner, meta: il.Meta, episode: il.Episode) -> np.ndarray:
    logits = learner.predict(meta, learner.adapt(meta, episode.support), episode.query.x)
    return logits.detach().sigmoid().numpy()[:, 0]


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.1, max_iter=2000)


def figures_of(chances: list[np.ndarray], truth: list[np.ndarray]) -> dict[str, float]:
    """AUROC and Brier score are means over draws, the calibration error is of all answers together."""
    pairs = list(zip(chances, truth, strict=True))
    both = [y for y in truth if 0 < y.mean() < 1]
    assert len(both) == len(truth), "a draw without both kinds of patients"
    every, right = np.concatenate(chances), np.concatenate(truth)
    sure = torch.from_numpy(np.maximum(every, 1 - every))
    return {
        "auroc": round(float(np.mean([roc_auc_score(y, p) for p, y in pairs])), 4),
        "brier": round(float(np.mean([((p - y) ** 2).mean() for p, y in pairs])), 4),
        "ece": round(il_ece(sure, torch.from_numpy((every > 0.5) == right).double()), 4),
    }


PARTS = {
    "phenopackets": phenopackets,
    "parkinsons": parkinsons,
    "heart": heart,
    "heart_sets": heart_sets,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    found = PARTS[asked.part](asked.seeds)
    keep(asked.part, {**found, **protocol(asked.seeds, began)})


def protocol(seeds: list[int], began: float) -> dict[str, Any]:
    return {
        "seeds": seeds,
        "minutes": round((time.perf_counter() - began) / 60, 1),
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used; torch {torch.__version__}",
    }


def keep(part: str, found: dict[str, Any]) -> None:
    """What there is so far, beside the other parts."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    RESULTS.write_text(json.dumps({**kept, part: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
