"""What a run writes about itself, and how a run is read out of its state."""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

from innerloop.adapted.drawings import inputs_of
from innerloop.adapted.extension import extends
from innerloop.adapted.run import Run
from innerloop.algorithms import ALGORITHMS
from innerloop.algorithms.spec import spec_to_json, to_json
from innerloop.core import Meta
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.models import MODELS
from innerloop.outer import Learner
from innerloop.tasks import TASKS, Tasks
from innerloop.tasks.inputs import inputs_to_json
from innerloop.training import State
from innerloop.training.course import Course
from innerloop.training.folder import History, RunFolder, Settings, name_of
from innerloop.training.plan import Plan


def new_settings(course: Course, tasks: Tasks, plan: Plan) -> Settings:
    """What `settings.json` holds: what was asked for, the plan, and who wrote it."""
    import torch

    from innerloop import __version__

    return {
        **spec_to_json(course.learner),
        "tasks": {"name": tasks.name, "kind": tasks.kind, "settings": tasks.settings},
        "training": course.settings,
        "inputs": inputs_to_json(inputs_of(tasks)),
        "plan": plan,
        "versions": {
            "innerloop": __version__,
            "python": sys.version.split()[0],
            "torch": torch.__version__,
        },
    }


def found_in(folder: RunFolder, settings: Settings, resume: bool) -> Settings | None:
    """The settings found in the folder, which may be gone on with; None where there is no run yet."""
    path = folder.path
    if not folder.exists:
        return None
    if not resume:
        raise InputError(
            f"{str(path)!r} already holds a run; go on with it by --resume, or choose "
            "another --out.",
            f"{str(path)!r} 中已有一次运行；请用 --resume 继续，或换一个 --out。",
        )
    found = completed(folder.read_settings(), settings)
    if name_of(found) != name_of(settings) and not extends(found, settings):
        what, before, now = first_difference(found, settings)
        raise InputError(
            f"this run has other settings than the one in {str(path)!r}: {what} is {before} there "
            f"and {now} here; resume with the same settings (steps, minutes and patience may "
            "be larger), or choose another --out.",
            f"本次设置与 {str(path)!r} 中的运行不同：{what} 在那里是 {before}，这里是 {now}；"
            "请用相同的设置继续（steps、minutes、patience 可以更大），或换一个 --out。",
        )
    return found


def completed(found: Settings, now: Settings) -> Settings:
    """Settings that were not known yet when a run began have the default of whoever takes them."""

    def filled(makes: Any, before: Any, here: Any) -> Any:
        if makes is None or not (before and here and before.get("name") == here.get("name")):
            return before
        defaults = {n: to_json(p.default) for n, p in inspect.signature(makes).parameters.items()}
        held = {n: defaults[n] for n in here["settings"] if n in defaults} | before["settings"]
        return {**before, "settings": held}

    if found["algorithm"] != now["algorithm"]:
        return found
    learner = filled(
        ALGORITHMS.get(now["algorithm"]),  # of reinforcement learning, nothing is filled in
        {"settings": found["settings"]},
        {"settings": now["settings"]},
    )
    named = {"model": MODELS, "tasks": TASKS}
    parts = {
        part: filled(known.get(str((now[part] or {}).get("name"))), found[part], now[part])
        for part, known in named.items()
    }
    training = {**dict.fromkeys(now["training"]), **found["training"]}
    return {**found, **learner, **parts, "training": training}


def first_difference(before: Any, now: Any, name: str = "") -> tuple[str, Any, Any]:
    """The first setting in which two runs differ: (its name, its two values). A list read back from
    JSON equals the tuple that was written."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*before, *(k for k in now if k not in before)]:
            if key not in ("plan", "versions") and plain(before.get(key)) != plain(now.get(key)):
                inside = name if key == "settings" else key
                return first_difference(before.get(key), now.get(key), inside)
    return name, before, now


def plain(value: Any) -> Any:
    """The value as JSON gives it back."""
    return json.loads(json.dumps(value, default=str))


def facts_of(state: State, meta_batch: int) -> dict[str, Any]:
    """What is written beside the result and read back into a Run."""
    return {
        "verdict": state.verdict and state.verdict.name,
        "steps": state.step,
        "best": state.best and {"step": state.best.step, "validation": state.best.metric},
        "seconds": state.seconds,
        "tasks_per_second": state.step * meta_batch / state.seconds if state.seconds else 0.0,
        "dropped": state.counts.dropped,
        "dropped_names": list(state.counts.names),
        "diagnosis": state.diagnosis,
    }


def result_sentence(facts: dict[str, Any]) -> str:
    """Which meta-parameters the result are."""
    steps, best = facts["steps"], facts["best"]
    if best is None:
        return say(
            f"Result: the weights of the last step, {steps}; none were validated.",
            f"结果为最后一步（第 {steps} 步）的权重；未进行验证。",
        )
    step, metric = best["step"], best["validation"]
    return say(
        f"Result: the latest weights that validate as well as the best ({metric:.4g}), of step {step} "
        f"of {steps}.",
        f"结果为验证指标最佳（{metric:.4g}）的权重，来自共 {steps} 步中的第 {step} 步。",
    )


def run_of(
    learner: Learner,
    kind: str,
    meta: Meta,
    facts: dict[str, Any],
    history: History,
    **more: Any,
) -> Run:
    from innerloop.training import Verdict

    best, diagnosis = facts["best"], facts["diagnosis"]
    return Run(
        learner=learner,
        meta=meta,
        kind=kind,
        verdict=facts["verdict"] and Verdict[facts["verdict"]],
        steps=facts["steps"],
        result=result_sentence(facts),
        validation=best and best["validation"],
        history=history,
        seconds=facts["seconds"],
        tasks_per_second=facts["tasks_per_second"],
        dropped=facts["dropped"],
        dropped_names=tuple(facts["dropped_names"]),
        diagnosis=diagnosis and say(*diagnosis),
        **more,
    )
