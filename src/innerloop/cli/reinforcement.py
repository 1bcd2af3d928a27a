"""train and evaluate where the tasks are environments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import typer

from innerloop.cli.console import emit, tell
from innerloop.cli.settings import convert, pairs
from innerloop.errors import InputError, did_you_mean, not_one_of
from innerloop.language import say
from innerloop.outer.learner import settings_of
from innerloop.reinforcement import AGENTS, PolicyRun, judge, load
from innerloop.reinforcement import train as train_policy
from innerloop.reinforcement.environments import maker
from innerloop.reinforcement.judges.table import beside, optimum
from innerloop.training import Verdict

TRIALS = 20_000
TAKEN = (
    *("steps", "minutes", "meta_batch", "lr", "optimiser", "schedule", "clip", "patience"),
    *("target", "validate_every", "seed", "out", "resume"),
)


def train(tasks: str, algorithm: str, arguments: list[str], as_json: bool, **asked: Any) -> None:
    """`innerloop train bandits --algorithm rl2 --arms 5 --trial-episodes 10`."""
    if algorithm not in AGENTS:
        raise not_one_of("--algorithm", AGENTS, algorithm)
    for name, value in asked.items():
        if value is not None and name not in TAKEN:
            option = "--" + name.replace("_", "-")
            raise InputError(
                f"{option} does not apply to environments such as {tasks}; leave it out.",
                f"{option} 不适用于 {tasks} 这类环境；请去掉它。",
            )
    make, learns = maker(tasks), AGENTS[algorithm]
    options = read(arguments, {tasks: make, algorithm: learns})
    learner = learns(make(**options[tasks]), **options[algorithm])
    given = {name: value for name, value in asked.items() if value is not None}
    folder = given.pop("out", None) or Path("runs") / f"{tasks.replace(':', '.')}-{algorithm}"
    run = train_policy(learner, **given, out=folder)
    tell(str(run))
    if run.verdict is not Verdict.DIVERGED:
        tell(
            say(
                f"Saved in {run.folder}. Next: innerloop evaluate {run.folder}",
                f"已保存到 {run.folder}。下一步：innerloop evaluate {run.folder}",
            )
        )
    if as_json:
        emit(summary(run))
    if run.verdict is Verdict.DIVERGED:
        raise typer.Exit(2)


def summary(run: PolicyRun) -> dict[str, Any]:
    tasks = run.settings["training"]["meta_batch"] * run.steps
    return {
        "run": str(run.folder),
        "verdict": run.verdict.name.lower() if run.verdict else None,
        "steps": run.steps,
        "seconds": round(run.seconds, 3),
        "tasks_per_second": round(tasks / run.seconds, 2) if run.seconds else 0.0,
        "steps_per_second": round(run.steps_per_second),
        "validation": run.validation,
        "diagnosis": run.diagnosis,
    }


def evaluate(
    path: Path,
    arguments: list[str],
    episodes: int | None,
    seed: int,
    alone: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """`innerloop evaluate runs/bandits-rl2`."""
    for name, value in asked.items():
        if value is not None:
            raise InputError(
                f"--{name} does not apply to a run of reinforcement learning; leave it out.",
                f"--{name} 不适用于强化学习的运行；请去掉它。",
            )
    run = load(path)
    name = run.learner.tasks.name
    options = read(arguments, {name: maker(name)}, only=("trial_episodes",))[name]
    tasks = run.learner.tasks.replace(**options)
    scores = judge(
        run.learner.spec.algorithm,
        run.policy,
        tasks,
        count=min(TRIALS, 4 * tasks.at_most(TRIALS)) if episodes is None else episodes,
        seed=seed,
        baselines={} if alone else beside(tasks, run.learner),
    )
    best = None if alone else optimum(tasks)
    if as_json:
        emit({"run": str(path), **scores.to_json(), "optimum": best})
        return
    print(scores)
    if best is not None:
        print(say(f"exact optimum: {best:.3f}", f"精确最优值：{best:.3f}"))


def read(
    arguments: list[str],
    takers: dict[str, Callable[..., Any]],
    only: tuple[str, ...] | None = None,
) -> dict[str, dict[str, Any]]:
    """name -> the settings among the arguments that belong to it, by its signature."""
    known = {name: settings_for(make, only) for name, make in takers.items()}
    found: dict[str, dict[str, Any]] = {name: {} for name in takers}
    for option, text in pairs(arguments):
        setting = option.lstrip("-").replace("-", "_")
        owner = next((name for name, has in known.items() if setting in has), None)
        if owner is None:
            raise unknown(option, known)
        found[owner][setting] = convert(option, text, known[owner][setting])
    return found


def settings_for(make: Callable[..., Any], only: tuple[str, ...] | None) -> dict[str, Any]:
    hints = {name: hint for name, hint in get_type_hints(make).items() if name in settings_of(make)}
    hints.pop("tasks", None)
    if hasattr(make, "trial_episodes"):
        hints["trial_episodes"] = int
    return {name: hint for name, hint in hints.items() if only is None or name in only}


def unknown(option: str, known: dict[str, dict[str, Any]]) -> InputError:
    names = ["--" + name.replace("_", "-") for has in known.values() for name in has]
    en, zh = did_you_mean(option, names)
    of = " and ".join(known)
    return InputError(
        f"{of} have no option {option}; there are {', '.join(names)}{en}",
        f"{of} 没有选项 {option}；可用的有 {', '.join(names)}{zh}",
    )
