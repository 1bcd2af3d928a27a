"""The main job in a few minutes: learn from printed letters, meet new scripts and handwriting.

Meta-trained on glyphs, MAML and a prototypical network meet (a) letters of scripts that were held
out and (b) handwritten digits, 5-way with one and five examples. Beside them, on the same
episodes: the same network from scratch, pretrained and fine-tuned, and nearest neighbour on pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from innerloop.adapted import Run, train
from innerloop.algorithms import finetune, maml, nearest_neighbour, protonet, scratch
from innerloop.core import Meta
from innerloop.episodes import Stream
from innerloop.evaluation import Scores, evaluate, paired
from innerloop.language import say
from innerloop.models import resnet6
from innerloop.outer import Learner
from innerloop.tasks import Tasks, digits, glyphs

WAYS = 5
SHOTS = (1, 5)
PLACES = {"unseen scripts": glyphs, "handwritten digits": digits}
PLACES_ZH = {"unseen scripts": "未见过的文字", "handwritten digits": "手写数字"}
Tell = Callable[[str], None]
Pair = tuple[Learner, Meta]


@dataclass(frozen=True)
class Size:
    """How much of it: the whole demo, or a small one for tests."""

    maml_steps: int = 400
    protonet_steps: int = 300
    finetune_steps: int = 300
    episodes: int = 200
    scratch_steps: int = 20


@dataclass(frozen=True)
class Demo:
    """runs: what was trained. contenders: every row of the table. scores: place -> shots -> row ->
    Scores, all on the same episodes."""

    runs: dict[str, Run]
    contenders: dict[str, Pair]
    scores: dict[str, dict[int, dict[str, Scores]]]

    def to_json(self) -> dict[str, Any]:
        return {
            "runs": {name: str(run.folder) for name, run in self.runs.items()},
            "results": {
                place: {
                    f"{shots}-shot": {
                        name: {
                            "mean": s.mean,
                            "ci95": s.ci95,
                            "episodes": s.episodes,
                            "milliseconds": s.milliseconds,
                        }
                        for name, s in table.items()
                    }
                    for shots, table in by_shots.items()
                }
                for place, by_shots in self.scores.items()
            },
            "learnt": learnt(self.scores),
        }


def demo(out: Path, *, seed: int = 0, size: Size = Size(), tell: Tell = print) -> Demo:
    """Train and judge; the runs are kept in the folder `out`."""
    letters = glyphs(ways=WAYS, shots=1)
    runs = trained(letters, out, seed, size, tell)
    contenders = beside(runs, seed, size)
    scores: dict[str, dict[int, dict[str, Scores]]] = {}
    for place, family in PLACES.items():
        tell(say(f"Judging on {place} ...", f"正在评估：{PLACES_ZH[place]} ..."))
        scores[place] = {
            shots: judged(contenders, family(ways=WAYS, shots=shots, queries=5).test, seed, size)
            for shots in SHOTS
        }
    return Demo(runs, contenders, scores)


def trained(letters: Tasks, out: Path, seed: int, size: Size, tell: Tell) -> dict[str, Run]:
    """The three that learn across tasks, all with the same network."""
    classes = letters.train.class_count  # type: ignore[attr-defined]
    plans: list[tuple[str, Learner, int, dict[str, Any]]] = [
        ("protonet", protonet(resnet6()), size.protonet_steps, {}),
        ("maml", maml(resnet6(WAYS), inner_lr=0.4, inner_steps=1), size.maml_steps, {"queries": 3}),
        ("finetune", finetune(resnet6(), classes=classes), size.finetune_steps, {}),
    ]
    runs = {}
    for name, learner, steps, settings in plans:
        tell(
            say(f"Meta-training {name} on printed letters ...", f"正在用印刷字母元训练 {name} ...")
        )
        runs[name] = train(
            learner,
            letters,
            steps=steps,
            seed=seed,
            validate_every=0,
            out=out / name,
            **settings,
        )
    return runs


def beside(runs: Mapping[str, Run], seed: int, size: Size) -> dict[str, Pair]:
    """Every row of the table: a learner and what it has learnt across tasks."""
    fresh = scratch(resnet6(WAYS), inner_steps=size.scratch_steps)
    nearest = nearest_neighbour()
    pairs = {name: (run.learner, run.meta) for name, run in runs.items()}
    maml_at_test = runs["maml"].learner.replace(inner_steps=3)
    return {
        "protonet": pairs["protonet"],
        "maml": (maml_at_test, runs["maml"].meta),
        "fine-tuned": pairs["finetune"],
        "from scratch": (fresh, fresh.init(torch.Generator().manual_seed(seed))),
        "nearest neighbour": (nearest, nearest.init()),
    }


def judged(
    contenders: Mapping[str, Pair], stream: Stream, seed: int, size: Size
) -> dict[str, Scores]:
    return {
        name: evaluate(*pair, stream, episodes=size.episodes, seed=seed)
        for name, pair in contenders.items()
    }


def learnt(scores: dict[str, dict[int, dict[str, Scores]]]) -> str:
    """One sentence on what was learnt, and one on every learner that does not beat a baseline."""
    table = scores["handwritten digits"][1]
    best = max(("protonet", "maml"), key=lambda name: table[name].mean)
    sentences = [
        say(
            f"From printed letters alone, {best} learnt what makes two characters the same: with one "
            f"example each it tells five handwritten digits apart with {percent(table[best])}, "
            f"where the same network from scratch has {percent(table['from scratch'])} and the "
            f"nearest neighbour on pixels {percent(table['nearest neighbour'])}.",
            f"{best} 仅从印刷字母中学会了怎样的两个字符算是同一个：每类只给一个样本，它区分五个手写数字的"
            f"正确率为 {percent(table[best])}，而同一网络从零训练为 {percent(table['from scratch'])}，"
            f"像素最近邻为 {percent(table['nearest neighbour'])}。",
        )
    ]
    for place, by_shots in scores.items():
        for shots, row in by_shots.items():
            sentences += [
                lost
                for name in ("protonet", "maml")
                if (lost := loses(name, place, shots, row)) is not None
            ]
    return " ".join(sentences)


def loses(name: str, place: str, shots: int, row: dict[str, Scores]) -> str | None:
    """A plain statement where a learner has no lead over a baseline, paired on the same episodes."""
    rivals = ("fine-tuned", "from scratch", "nearest neighbour")
    ahead = [rival for rival in rivals if paired(name, rival, row).winner != name]
    if not ahead:
        return None
    return say(
        f"On {place}, {shots}-shot, {name} does not beat: {', '.join(ahead)}.",
        f"在{PLACES_ZH[place]}（{shots} 样本）上，{name} 没有胜过：{'、'.join(ahead)}。",
    )


def percent(scores: Scores) -> str:
    return f"{100 * scores.mean:.1f} ± {100 * scores.ci95:.1f} %"
