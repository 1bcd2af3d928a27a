"""New intents, new languages and new domains from a few sentences; each beside the untrained mix.

Sentences are encoded by the frozen multilingual universal sentence encoder with hashed character
n-grams beside it (use+ngrams). Rows of each part: "centroid" is the nearest class mean of the encoder
alone; "untrained mix" is ridge regression on encoder and n-grams, their share and the strength chosen
on meta-validation; "meta-trained" is il.ridge or il.logistic ("head") on il.models.sentences, its settings and head
chosen on meta-validation, the mean over training seeds. Intervals are 95 % over test episodes (one seed of
episodes, the same for all rows), gains are paired on the same episodes.

xsid: a task is five intents of one of seven languages that neither the encoder nor meta-training
has learnt; the same intents as in meta-training; sentences of equal English original once in each
language, none whose original was trained on. xsid-unseen: six intents that were never trained on
either (its settings are xsid's with a third of the rate; there are no intents left to choose on).
clinc150: intents of three domains never trained on, mixed, or (clinc150-one) of one of them. full_way: all intents of a set from the published
5 examples each and its whole test set, meta-trained on the two other sets alone; a single task, so
that there is no interval over tasks; the untrained mix is given with both heads. out_of_scope: the 45 test intents of clinc150 learnt from 5 sentences each, against the
set's 1,000 test sentences of no intent; 20 draws of the 5; limits set on meta-validation domains
with the set's other 200.

    python benchmarks/language.py --part xsid --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import innerloop as il
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.structure import auroc, nearness

RESULTS = Path("benchmarks/results/language.json")
MIXES, STRENGTHS = (0.3, 0.5, 1.0, 1.5, 2.0), (0.3, 1.0)
EPISODES, ENCODED = 600, 512
HEADS = {"ridge": (il.ridge, 0.3), "logistic": (il.logistic, 0.1)}  # and where strengths begin


@dataclass(frozen=True)
class Part:
    """tasks: the family and its settings. judged: (ways, shots) of test. model, training: chosen on
    meta-validation."""

    tasks: dict[str, Any]
    judged: tuple[tuple[int, int], ...]
    model: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)
    head: str = "ridge"

    def family(self, **more: Any) -> il.tasks.Tasks:
        return il.tasks.TASKS[self.tasks["name"]](
            **{k: v for k, v in self.tasks.items() if k != "name"}, **more
        )


LANGUAGES = {"steps": 60, "meta_batch": 8, "ways": 5, "shots": 1, "queries": 5}
FULL = {"steps": 100, "meta_batch": 2, "lr": 1e-3, "ways": 60, "shots": 5, "queries": 3}
PARTS = {
    "xsid": Part(
        {"name": "xsid"},
        ((5, 1), (5, 5)),
        {"mix": 1.5},
        {**LANGUAGES, "lr": 1e-3},
    ),
    "xsid-unseen": Part(
        {"name": "xsid", "intents": "unseen"},
        ((5, 1), (5, 5)),
        {"mix": 1.5},
        {**LANGUAGES, "lr": 3e-4},
    ),
    "clinc150": Part(
        {"name": "clinc150"},
        ((5, 1), (5, 5), (15, 1), (15, 5)),
        {"mix": 0.5},
        {"steps": 100, "meta_batch": 4, "lr": 3e-4, "ways": 60, "shots": 1, "queries": 3},
    ),
    "clinc150-one": Part(
        {"name": "clinc150", "domains": "one"},
        ((5, 1), (5, 5), (15, 1), (15, 5)),
        {"mix": 0.5},
        {"steps": 100, "meta_batch": 8, "lr": 3e-4, "ways": 15, "shots": 1, "queries": 5},
        head="logistic",
    ),
    **{
        f"full_way-{name}": Part(
            {"name": "full_way", "data": name}, (), {"mix": 0.5}, FULL, "logistic"
        )
        for name in ("banking77", "clinc150", "hwu64")
    },
}


class Mix(nn.Module):
    """The encoder's numbers and `mix` times the n-grams, as they are."""

    def __init__(self, mix: float):
        super().__init__()
        self.mix = mix

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :ENCODED], self.mix * x[:, ENCODED:]], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=(*PARTS, "out_of_scope"), required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)
    if asked.part == "out_of_scope":
        asked.seeds = asked.seeds[:1]
    found = json.loads(asked.out.read_text()) if asked.out.exists() else {"parts": {}}
    began = time.process_time()
    part = PARTS.get(asked.part)
    if part is None:
        rows = out_of_scope(asked.seeds[0])
    elif part.judged:
        rows = few_shot(part, asked.seeds)
    else:
        rows = full_way(part, asked.seeds)
    facts = {"minutes": round((time.process_time() - began) / 60, 1), "seeds": asked.seeds}
    facts |= (
        {"settings": {"head": part.head, "model": part.model, "training": part.training}}
        if part
        else {}
    )
    found["parts"][asked.part] = {**facts, "date": date.today().isoformat(), "rows": rows}
    whole = {
        "protocol": " ".join(" ".join(__doc__.split("\n\n")[1:3]).split()),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "versions": {"torch": torch.__version__, "innerloop": il.__version__},
        "parts": found["parts"],
    }
    asked.out.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(rows, indent=1))


def trained(part: Part, tasks: il.tasks.Tasks, seed: int) -> il.Run:
    """A meta-trained run; the last weights, since when to stop was chosen before."""
    head, strength = HEADS[part.head]
    learner = head(il.models.sentences(**part.model), strength=strength)
    return il.train(learner, tasks, **part.training, validate_every=0, seed=seed, progress=False)


def untrained(tasks: il.tasks.Tasks, episodes: int = 100) -> tuple[il.Learner, dict[str, float]]:
    """Ridge on the mix that is best on meta-validation tasks of this shape."""
    tried = {}
    for mix in MIXES:
        for strength in STRENGTHS:
            learner = il.ridge(Mix(mix), strength=strength)
            scores = il.evaluate(
                learner, learner.init(), tasks.validation, episodes=episodes, batch=20
            )
            tried[mix, strength] = float(scores.values.mean())
    mix, strength = max(tried, key=tried.__getitem__)
    return il.ridge(Mix(mix), strength=strength), {"mix": mix, "strength": strength}


def few_shot(part: Part, seeds: list[int]) -> dict[str, Any]:
    whole, plain = part.family(), part.family(encoder="use")
    runs = [trained(part, whole, seed) for seed in seeds]
    found: dict[str, Any] = {}
    for ways, shots in part.judged:
        tasks = whole.replace(ways=ways, shots=shots)
        mix, chosen = untrained(tasks)
        centroid = il.nearest_centroid()
        stream = tasks.test
        rows = {
            "centroid": judged(
                centroid, centroid.init(), plain.replace(ways=ways, shots=shots).test
            ),
            "untrained mix": judged(mix, mix.init(), stream),
        }
        each = [judged(run.learner, run.meta, stream) for run in runs]
        rows["meta-trained"] = torch.stack(each).mean(0)
        gain, ci95 = mean_and_ci95(rows["meta-trained"] - rows["untrained mix"])
        found[f"{ways}-way {shots}-shot"] = {
            **{name: figure(values) for name, values in rows.items()},
            "gain": [points(gain), points(ci95)],
            "each seed": [points(float(values.mean())) for values in each],
            "untrained": chosen,
            **by_kind(stream, rows),
        }
        print(ways, shots, found[f"{ways}-way {shots}-shot"], flush=True)
    return found


def judged(learner: il.Learner, meta: il.Meta, stream: Any) -> Tensor:
    return il.evaluate(learner, meta, stream, episodes=EPISODES, batch=20).values


def by_kind(stream: Any, rows: dict[str, Tensor]) -> dict[str, Any]:
    """The mean of every language, where a task is of one."""
    kinds = stream.kinds(0, np.arange(EPISODES))
    if kinds is None:
        return {}
    each = {
        name: {
            row: points(float(values[torch.from_numpy(kinds == n)].mean()))
            for row, values in rows.items()
        }
        for n, name in enumerate(stream.kind_names)
    }
    return {"languages": each}


def figure(values: Tensor) -> list[float]:
    mean, ci95 = mean_and_ci95(values)
    return [points(mean), points(ci95)]


def points(share: float) -> float:
    return round(100 * share, 2)


def full_way(part: Part, seeds: list[int]) -> dict[str, Any]:
    """Accuracy on the published test set; validation chose the untrained mix."""
    tasks = part.family(ways=25)
    mix, chosen = untrained_of(tasks.validation.replace(ways=25, shots=5, queries=5))
    logistic = il.logistic(Mix(chosen["mix"]))
    [task] = tasks.test.sample(tasks=1)
    each = [right(run.learner, run.meta, task) for run in (trained(part, tasks, s) for s in seeds)]
    centroid, plain = il.nearest_centroid(), part.family(ways=25, encoder="use").test
    [bare] = plain.sample(tasks=1)
    return {
        "centroid": right(centroid, centroid.init(), bare),
        "untrained mix, ridge": right(mix, mix.init(), task),
        "untrained mix, logistic": right(logistic, logistic.init(), task),
        "untrained": chosen,
        "meta-trained": round(float(np.mean(each)), 2),
        "each seed": each,
    }


def untrained_of(stream: Any) -> tuple[il.Learner, dict[str, float]]:
    class Like:
        validation = stream

    return untrained(Like(), episodes=30)  # type: ignore[arg-type]


def right(learner: il.Learner, meta: il.Meta, task: Any) -> float:
    outputs = learner.predict(meta, learner.adapt(meta, task.support), task.query.x)
    return points(float((outputs.argmax(1) == task.query.y).float().mean()))


def out_of_scope(seed: int, draws: int = 20) -> dict[str, Any]:
    part = PARTS["clinc150"]
    tasks = part.family()
    run = trained(part, tasks, seed)
    mix, _ = untrained(tasks.replace(ways=15, shots=5))
    apart = {split: tasks.inputs.x(texts) for split, texts in il.tasks.out_of_scope().items()}

    def softmax(learner: il.Learner, meta: il.Meta, support: il.Examples, x: Tensor) -> Tensor:
        return learner.predict(meta, learner.adapt(meta, support), x).softmax(1).amax(1)

    centroid = il.protonet(Encoded())
    rivals = {
        "centroid, largest softmax": (centroid, centroid.init(), softmax),
        "centroid, nearness": (centroid, centroid.init(), nearness),
        "untrained mix, nearness": (mix, mix.init(), nearness),
        "meta-trained, nearness": (run.learner, run.meta, nearness),
    }
    found = {}
    for name, (learner, meta, near) in rivals.items():
        wide = tasks.validation.replace(ways=30, shots=5).sample(tasks=draws)
        limits = [near(learner, meta, one.support, apart["validation"]) for one in wide]
        limit = float(torch.cat(limits).quantile(0.9))
        figures: dict[str, list[float]] = {}
        for one in tasks.test.replace(ways=45, shots=5).sample(tasks=draws):
            inside = near(learner, meta, one.support, one.query.x)
            outside = near(learner, meta, one.support, apart["test"])
            fast = learner.adapt(meta, one.support)
            good = learner.predict(meta, fast, one.query.x).argmax(1) == one.query.y
            exact = float(outside.quantile(0.9))
            for what, value in {
                "accuracy without none": good.float().mean(),
                "auroc": auroc(-inside, -outside).value,
                "accuracy at 90 % recall": (good & (inside > exact)).float().mean(),
                "accuracy at the limit set": (good & (inside > limit)).float().mean(),
                "recall at the limit set": (outside <= limit).float().mean(),
            }.items():
                figures.setdefault(what, []).append(float(value))
        found[name] = {what: figure(torch.tensor(values)) for what, values in figures.items()}
        print(name, found[name], flush=True)
    return found


class Encoded(nn.Module):
    """The encoder's numbers alone."""

    features = ENCODED

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :ENCODED]


if __name__ == "__main__":
    main()
