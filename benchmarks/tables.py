"""Small real tables with 20 or 50 labelled rows: a learner beside scikit-learn's usual ones.

Protocol: one table of each PMLB family of the split, the one with the most rows, if it has at least
100 rows, at most 10 classes and 30 features; the first 20 in hash order of the family's name. Of
each, 20 draws of the labelled rows, each class at least once among them; up to 500 other rows are
judged by accuracy. A method's rank on a table is by its mean accuracy over the draws, ties shared;
the mean rank is over tables, with a 95 % interval over tables. Hyperparameters are scikit-learn's
own, but trees of histogram boosting may have leaves of 2 rows (of 20, nothing could be split).

    python benchmarks/tables.py train runs/tables --steps 8000           # on made-up tables alone
    python benchmarks/tables.py baselines                    # once; kept in the result file
    python benchmarks/tables.py judge runs/tables            # a run of any learner, by its path
    python benchmarks/tables.py judge runs/tables --split validation     # for choices on the way
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from scipy.stats import rankdata
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import innerloop as il
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.tasks.small.stream import SmallTable, divided, episode
from innerloop.tasks.splitting import place

RESULTS = Path("benchmarks/results/tables.json")
ROWS, DRAWS, JUDGED, TABLES = (20, 50), 20, 500, 20

FLOOR = "most common class"  # shown, not ranked
BASELINES: dict[str, Callable[[], Any]] = {
    FLOOR: lambda: DummyClassifier(),
    "logistic regression": lambda: make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "k nearest neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier()),
    "random forest": lambda: RandomForestClassifier(random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(random_state=0),
    "histogram boosting": lambda: HistGradientBoostingClassifier(
        random_state=0, min_samples_leaf=2
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("list", "baselines", "train", "judge"))
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--name", help="of the learner in the results; the run's folder without it")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.what == "train":
        train(asked.run, asked.steps, asked.seed)
        return
    tables = chosen(asked.split)
    out = asked.out or RESULTS.with_stem(
        f"tables-{asked.split}" if asked.split != "test" else "tables"
    )
    kept = json.loads(out.read_text()) if out.exists() else {"methods": {}}
    if asked.what == "list":
        for table in tables:
            print(
                f"{table.name:40s} {len(table.y):5d} rows {table.x.shape[1]:3d} features "
                f"{table.classes:3d} classes"
            )
        return
    if asked.what == "baselines":
        for name, make in BASELINES.items():
            kept["methods"][name] = measured(tables, by_sklearn(make), {})
            print(name, kept["methods"][name]["accuracy"], flush=True)
    else:
        run = il.load(asked.run)
        facts = {
            "algorithm": run.learner.spec.algorithm,
            "settings": run.learner.spec.settings,
            "trained_on": run.tasks.name,
            "steps": run.steps,
            "training_minutes": round(run.seconds / 60, 1),
            "seed": run.settings.get("seed"),
        }
        kept["methods"][asked.name or asked.run.name] = measured(tables, by_run(run), facts)
    out.write_text(json.dumps(summary(kept, tables, asked.split), indent=1) + "\n")
    show(json.loads(out.read_text()))


def train(folder: Path, steps: int, seed: int) -> None:
    learner = il.prior_fitted(width=48)
    tasks = il.tasks.structural()
    run = il.train(learner, tasks, steps=steps, seed=seed, workers=1, out=folder, resume=True)
    print(run.verdict.value, f"{run.seconds / 60:.1f} minutes")


def chosen(split: str) -> list[SmallTable]:
    stream = il.tasks.pmlb(shots=max(ROWS), queries=50, ways=(2, 10)).split(split)
    families = sorted(stream.families, key=lambda tables: place(tables[0].family, 0))
    return [max(tables, key=lambda table: len(table.y)) for tables in families][:TABLES]


def draws(table: SmallTable, rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for draw in range(DRAWS):
        rng = np.random.default_rng([zlib.crc32(table.name.encode()), rows, draw])
        yield divided(table, rows, JUDGED, rng)


Answers = Callable[[SmallTable, np.ndarray, np.ndarray], np.ndarray]


def by_sklearn(make: Callable[[], Any]) -> Answers:
    """The table's own columns, and the classes predicted."""

    def answers(table: SmallTable, labelled: np.ndarray, others: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make().fit(table.x[labelled], table.y[labelled]).predict(table.x[others])

    return answers


def by_run(run: il.Run) -> Answers:
    width = run.tasks.input_shape[0]

    def answers(table: SmallTable, labelled: np.ndarray, others: np.ndarray) -> np.ndarray:
        task = episode(table, width, labelled, others)
        with torch.no_grad():
            fast = run.learner.adapt(run.meta, task.support)
            outputs = run.learner.predict(run.meta, fast, task.query.x)
        return outputs[:, : table.classes].argmax(-1).numpy()

    return answers


def measured(tables: list[SmallTable], answers: Answers, facts: dict[str, Any]) -> dict[str, Any]:
    """Mean accuracy over the draws, for each number of rows and each table."""
    began = time.process_time()
    found: dict[str, dict[str, float]] = {}
    for rows in ROWS:
        found[str(rows)] = {}
        for table in tables:
            right = [
                float((answers(table, labelled, others) == table.y[others]).mean())
                for labelled, others in draws(table, rows)
            ]
            found[str(rows)][table.name] = round(float(np.mean(right)), 4)
    each = {rows: round(float(np.mean(list(by.values()))), 4) for rows, by in found.items()}
    minutes = round((time.process_time() - began) / 60, 2)
    return {**facts, "accuracy": each, "cpu_minutes": minutes, "per_table": found}


def summary(kept: dict[str, Any], tables: list[SmallTable], split: str) -> dict[str, Any]:
    methods = kept["methods"]
    ranked = [name for name in methods if name != FLOOR]
    for rows in map(str, ROWS):
        right = np.array([[methods[n]["per_table"][rows][t.name] for t in tables] for n in ranked])
        for name, ranks in zip(ranked, rankdata(-right, axis=0), strict=True):
            mean, ci95 = mean_and_ci95(torch.from_numpy(ranks))
            found = {"mean": round(mean, 2), "ci95": round(ci95, 2)}
            methods[name].setdefault("rank", {})[rows] = found
    return {
        "protocol": " ".join(__doc__.split("\n\n")[1].split()),
        "split": split,
        "tables": {t.name: [len(t.y), t.x.shape[1], t.classes] for t in tables},
        "seeds": f"draws 0-{DRAWS - 1} of each table",
        "date": date.today().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
        "versions": {"torch": torch.__version__, "scikit-learn": sklearn.__version__},
        "methods": methods,
    }


def show(found: dict[str, Any]) -> None:
    for name, m in found["methods"].items():
        figures = []
        for rows, right in m["accuracy"].items():
            rank = m.get("rank", {}).get(rows)
            place = f"rank {rank['mean']:.2f} ± {rank['ci95']:.2f}" if rank else ""
            figures.append(f"{rows} rows: {100 * right:5.1f} % {place}")
        print(f"{name:24s} {'   '.join(figures)}")


if __name__ == "__main__":
    main()
