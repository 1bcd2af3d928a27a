"""The main job in a few minutes: learn from printed letters, meet new scripts and handwriting.

Meta-trained on glyphs, MAML and a prototypical network meet (a) letters of scripts that were held
out and (b) handwritten digits, 5-way with one and five examples. Beside them, on the same
episodes: the same network from scratch, pretrained and fine-tuned, and nearest neighbour on pixels.
The settings were chosen on the meta-validation scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import Module

from innerloop.adapted import Run, load, train
from innerloop.algorithms import finetune, maml, nearest_neighbour, protonet, scratch
from innerloop.core import Meta
from innerloop.evaluation import Scores, evaluate, paired
from innerloop.language import say
from innerloop.models import conv4
from innerloop.outer import Learner
from innerloop.recipes.abreast import abreast
from innerloop.tasks import digits, glyphs

WAYS = 5
SHOTS = (1, 5)
PLACES = {"unseen scripts": glyphs, "handwritten digits": digits}
PLACES_ZH = {"unseen scripts": "未见过的文字", "handwritten digits": "手写数字"}
RIVALS = ("fine-tuned", "from scratch", "nearest neighbour")
Tell = Callable[[str], None]
Pair = tuple[Learner, Meta]
Table = dict[str, dict[int, dict[str, Scores]]]  # place -> shots -> row


@dataclass(frozen=True)
class Size:
    """How much of it: the whole demo, or a small one for tests."""

    maml_steps: int = 450
    protonet_steps: int = 400
    finetune_steps: int = 400
    episodes: int = 100
    inner_steps: int = 30  # of the baselines that descend


@dataclass(frozen=True)
class Demo:
    """runs: what was trained. contenders: every row of the table. scores: all rows of one place
    and number of shots on the same episodes."""

    runs: dict[str, Run]
    contenders: dict[str, Pair]
    scores: Table

    def to_json(self) -> dict[str, Any]:
        rows = {
            place: {
                f"{shots}-shot": {name: figures(scores) for name, scores in table.items()}
                for shots, table in by_shots.items()
            }
            for place, by_shots in self.scores.items()
        }
        runs = {name: str(run.folder) for name, run in self.runs.items()}
        return {"runs": runs, "results": rows, "learnt": learnt(self.scores)}


def figures(scores: Scores) -> dict[str, Any]:
    return {
        "mean": scores.mean,
        "ci95": scores.ci95,
        "episodes": scores.episodes,
        "milliseconds": scores.milliseconds,
    }


def demo(
    out: Path,
    *,
    seed: int = 0,
    size: Size = Size(),
    tell: Tell = print,
    workers: int = 1,
    progress: bool = False,
) -> Demo:
    """Train and judge, `workers` jobs at a time; the runs are kept in the folder `out`."""
    glyphs(ways=WAYS)  # drawn once, before the jobs look for it
    tell(say("Meta-training on printed letters ...", "正在用印刷字母元训练 ..."))
    bars = progress and workers > 1
    jobs = [partial(trained, name, out / name, seed, size, not bars) for name in PLANS]
    watched = {name: (out / name, plan(name, size)[1]) for name in PLANS} if bars else {}
    abreast(jobs, workers=workers, watched=watched)
    runs = {name: load(out / name) for name in PLANS}

    tell(say("Meeting new scripts and handwriting ...", "正在面对新的文字与手写体 ..."))
    places = [(place, shots) for place in PLACES for shots in SHOTS]
    found = abreast(
        [partial(judged, out, place, shots, seed, size) for place, shots in places],
        workers=workers,
    )
    scores: Table = {place: {} for place in PLACES}
    for (place, shots), table in zip(places, found, strict=True):
        scores[place][shots] = table
    return Demo(runs, contenders(runs, seed, size), scores)


PLANS = ("maml", "protonet", "finetune")  # the longest first


def network(outputs: int | None = None) -> Module:
    """The one network of all learners: MAML's for Omniglot, half as wide."""
    return conv4(outputs, width=32, strided=True)


def plan(name: str, size: Size) -> tuple[Learner, int, dict[str, Any]]:
    """(learner, outer steps, further settings of `train`)."""
    if name == "maml":
        learner = maml(network(WAYS), inner_lr=0.4, inner_steps=1)
        return learner, size.maml_steps, {"meta_batch": 8, "lr": 2e-3, "queries": 3}
    if name == "protonet":
        return protonet(network()), size.protonet_steps, {}
    classes = glyphs(ways=WAYS).train.class_count  # type: ignore[attr-defined]
    learner = finetune(network(), classes=classes, inner_steps=size.inner_steps, inner_lr=0.03)
    return learner, size.finetune_steps, {}


def trained(name: str, out: Path, seed: int, size: Size, speak: bool) -> None:
    """Train one of the three that learn across tasks; the run is left in `out`."""
    learner, steps, settings = plan(name, size)
    settings |= {"validate_every": 0, "seed": seed, "progress": None if speak else False}
    train(learner, glyphs(ways=WAYS, shots=1), steps=steps, out=out, **settings)


def contenders(runs: Mapping[str, Run], seed: int, size: Size) -> dict[str, Pair]:
    """Every row of the table: a learner and what it has learnt across tasks."""
    pairs = {name: (run.learner, run.meta) for name, run in runs.items()}
    fresh = scratch(network(WAYS), inner_steps=size.inner_steps)
    nearest = nearest_neighbour()
    return {
        "protonet": pairs["protonet"],
        "maml": (pairs["maml"][0].replace(inner_steps=5), pairs["maml"][1]),
        "fine-tuned": pairs["finetune"],
        "from scratch": (fresh, fresh.init(torch.Generator().manual_seed(seed))),
        "nearest neighbour": (nearest, nearest.init()),
    }


def judged(out: Path, place: str, shots: int, seed: int, size: Size) -> dict[str, Scores]:
    """All rows on the same episodes of one place."""
    runs = {name: load(out / name) for name in PLANS}
    stream = PLACES[place](ways=WAYS, shots=shots, queries=5).test
    return {
        name: evaluate(*pair, stream, episodes=size.episodes, seed=seed)
        for name, pair in contenders(runs, seed, size).items()
    }


def learnt(scores: Table) -> str:
    """One sentence on what was learnt, and one for every learner that does not beat a baseline."""
    table = scores["handwritten digits"][1]
    best = max(("protonet", "maml"), key=lambda name: table[name].mean)
    figure = {name: row.figure() for name, row in table.items()}
    first = say(
        f"From printed letters alone, {best} has learnt when two drawings are the same character: "
        f"with one example each it tells five handwritten digits apart with {figure[best]}, the "
        f"same network from scratch with {figure['from scratch']}, nearest neighbour on pixels "
        f"with {figure['nearest neighbour']}.",
        f"{best} 仅从印刷字母中学会了怎样的两个图形算是同一个字符：每类只给一个样本，它区分五个手写数字的"
        f"正确率为 {figure[best]}，同一网络从零训练为 {figure['from scratch']}，像素最近邻为 "
        f"{figure['nearest neighbour']}。",
    )
    lost = [
        sentence
        for place, by_shots in scores.items()
        for shots, row in by_shots.items()
        for name in ("protonet", "maml")
        if (sentence := not_ahead(name, place, shots, row))
    ]
    return "\n".join([first, *lost])


def not_ahead(name: str, place: str, shots: int, row: dict[str, Scores]) -> str:
    """The plain statement where a learner does not beat a baseline; empty where it beats all."""
    ahead = [rival for rival in RIVALS if paired(name, rival, row).winner != name]
    if not ahead:
        return ""
    return say(
        f"On {place}, {shots}-shot, {name} does not beat: {', '.join(ahead)}.",
        f"在{PLACES_ZH[place]}（{shots} 样本）上，{name} 没有胜过：{'、'.join(ahead)}。",
    )
