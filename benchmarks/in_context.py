"""Learning linear regression in context, held against the best that can be done.

1. One layer of linear attention, d = 5, 10 examples without noise: its optimum has a mean squared
   error of (d + 1)/(S + d + 1) = 0.375 times the variance of the target.
2. A transformer (`in_context`), d = 5, noise of standard deviation 0.5, trained on 1 to 20 examples:
   at every length against ridge regression with the true noise, which is the best possible there
   (w is standard normal), and against least squares (of least norm). The figure is the error beyond
   the noise: squared distance of the prediction from w x.

w and x are standard normal. Each is trained with the seeds given and judged on 4,000 meta-test tasks.

    python benchmarks/in_context.py --seeds 0 1 2
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
from torch import Tensor
from torch.func import vmap

import innerloop as il
from innerloop.evaluation.interval import mean_and_ci95

D, SHOTS, NOISE, LENGTHS, TASKS = 5, 10, 0.5, 20, 4_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4_000, help="of the transformer")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/in_context.json"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in asked.seeds:
        rows.append(
            {"seed": seed, "linear": one_layer(seed), "lengths": lengths(seed, asked.steps)}
        )
        found = {
            "protocol": __doc__.split("\n\n")[1],
            "test": {"episodes": TASKS, "seed": 1},
            "steps": {"linear_attention": 5_000, "in_context": asked.steps},
            "date": date.today().isoformat(),
            "machine": f"{os.cpu_count()} cores, {platform.machine()}, one thread",
            "torch": torch.__version__,
            "runs": rows,
        }
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
        print(summary(rows[-1]), flush=True)


def one_layer(seed: int) -> dict[str, float]:
    tasks = il.tasks.linear_regression(dimensions=D, shots=SHOTS)
    learner, began = il.linear_attention(inputs=D, targets=1), time.process_time()
    run = il.train(learner, tasks, steps=5_000, seed=seed)
    seconds = time.process_time() - began
    given = tasks.test.sample(tasks=TASKS, seed=1).as_episode()
    errors = (answers(run, given.support, given.query.x) - given.query.y).square().mean((1, 2)) / D
    mean, ci95 = mean_and_ci95(errors)
    return {"error": mean, "ci95": ci95, "optimum": (D + 1) / (SHOTS + D + 1), "seconds": seconds}


def lengths(seed: int, steps: int) -> dict[str, object]:
    """At every length the errors beyond the noise of the transformer, of ridge and least squares."""
    tasks = il.tasks.linear_regression(dimensions=D, noise=NOISE, shots=(1, LENGTHS), queries=20)
    learner, began = il.in_context(inputs=D, targets=1), time.process_time()
    run = il.train(learner, tasks, steps=steps, seed=seed)
    seconds = time.process_time() - began
    test = tasks.replace(shots=LENGTHS, queries=20).test
    given = test.sample(tasks=TASKS, seed=1).as_episode()
    x, y, query = given.support.x, given.support.y, given.query
    rows = []
    for k in range(1, LENGTHS + 1):
        best = torch.linalg.solve(
            x[:, :k].mT @ x[:, :k] + NOISE**2 * torch.eye(D), x[:, :k].mT @ y[:, :k]
        )
        least = torch.linalg.pinv(x[:, :k]) @ y[:, :k]
        found = {
            "in_context": answers(run, il.Examples(x[:, :k], y[:, :k]), query.x),
            "ridge": query.x @ best,
            "least_squares": query.x @ least,
        }
        rows.append({"length": k, **{n: beyond_noise(a, query.y) for n, a in found.items()}})
    return {"seconds": seconds, "by_length": rows}


def answers(run: il.Run, support: il.Examples, x: Tensor) -> Tensor:
    """(T, Q, 1) the means that it predicts."""
    method = run.learner.method

    def one(support: il.Examples, x: Tensor) -> Tensor:
        outputs = method.predict(run.meta, method.adapt(run.meta, support), x)
        return method.likelihood.answer(outputs)

    with torch.no_grad():
        return vmap(one)(support, x)


def beyond_noise(predicted: Tensor, y: Tensor) -> dict[str, float]:
    errors = (predicted - y).square().mean((1, 2)) - NOISE**2
    mean, ci95 = mean_and_ci95(errors)
    return {"mean": mean, "ci95": ci95}


def summary(row: dict) -> str:
    linear = row["linear"]
    worst = max(
        row["lengths"]["by_length"], key=lambda r: r["in_context"]["mean"] / r["ridge"]["mean"]
    )
    ratio = worst["in_context"]["mean"] / worst["ridge"]["mean"]
    return (
        f"seed {row['seed']}: linear attention {linear['error']:.4f} ± {linear['ci95']:.4f} "
        f"(optimum {linear['optimum']:.4f}, {linear['seconds']:.0f} s); in context at most "
        f"{ratio:.2f} times ridge's error beyond the noise, at {worst['length']} examples "
        f"({row['lengths']['seconds']:.0f} s)"
    )


if __name__ == "__main__":
    main()
