"""`load`: a run out of its folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from innerloop.adapted.drawings import inputs_of
from innerloop.adapted.record import facts_of, run_of
from innerloop.adapted.run import Run
from innerloop.algorithms.spec import from_json, spec_from_json
from innerloop.arguments import checked
from innerloop.core import Meta
from innerloop.errors import InnerloopError, InputError
from innerloop.tasks import TASKS, Tasks
from innerloop.tasks.inputs import inputs_from_json
from innerloop.training.files import damage
from innerloop.training.folder import RunFolder, Settings
from innerloop.training.optimiser import Layout


@checked(path="'runs/first'")
def load(
    path: str | os.PathLike[str],
    model: Any = None,
    *,
    tasks: Tasks | None = None,
    device: str | None = None,
    **settings: Any,
) -> Run:
    """The run in a folder that `train` wrote, also one that was killed (its newest checkpoint).

    model: the Module or the function that makes it, where it is the user's own and cannot be
        imported by name. tasks: likewise, to evaluate or go on.
    device: where its weights are put ("cuda"). settings: of the learner, for
        example inner_steps=10, or a loss function of the user's own.

    Nothing is unpickled: the folder holds JSON and safetensors.
    """
    folder = RunFolder(Path(path))
    written = folder.read_settings()
    if isinstance(written["tasks"], dict) and written["tasks"].get("kind") == "reinforcement":
        raise InputError(
            f"{str(folder.path)!r} holds a run of reinforcement learning; read it by "
            "il.reinforcement.load.",
            f"{str(folder.path)!r} 中是强化学习的运行；请用 il.reinforcement.load 读取。",
        )
    with damage(folder.path / "settings.json"):
        learner = spec_from_json(written, model, **settings)
        kind, meta_batch = written["tasks"]["kind"], written["training"]["meta_batch"]
        if tasks is None:
            with suppress(InnerloopError):  # adapting needs no data; `evaluate` tells what is wrong
                tasks = tasks_of(written)
        kept = "inputs" in written
        inputs = inputs_from_json(written["inputs"]) if kept else inputs_of(tasks)
    start = learner.init(None)
    meta, last, facts = read_meta(folder, start, meta_batch)
    meta = Meta({name: meta.params[name] for name in start.params}, meta.state)  # in their order
    run = run_of(
        learner,
        kind,
        meta,
        facts,
        folder.read_history(),
        tasks=tasks,
        inputs=inputs,
        folder=folder.path,
        last=last,
        settings=written,
    )
    return run if device is None else run.to(device)


def read_meta(
    folder: RunFolder, start: Meta, meta_batch: int
) -> tuple[Meta, Meta | None, dict[str, Any]]:
    """(result, last, facts) of a run that is over, else of its newest checkpoint.

    start: what the model that was passed has; it must be the one that was trained.
    """
    layout, result, state = Layout.of(start.params), folder.read_result(), folder.newest()
    if result is not None:
        check_fit(start, result[0], folder.path)
        return result[0], state and state.last(layout), result[1]
    if state is None:
        raise InputError(
            f"{str(folder.path)!r} holds no weights yet: the run was stopped before its first "
            "checkpoint; resume it.",
            f"{str(folder.path)!r} 中还没有权重：运行在第一个检查点之前就停止了；请继续运行。",
        )
    here, there = sum(p.numel() for p in start.params.values()), len(state.weights)
    if here != there:
        raise InputError(
            f"the model does not fit the run in {str(folder.path)!r}: {there} weights there, {here} "
            "here; pass the model that was trained.",
            f"模型与 {str(folder.path)!r} 中的运行不符：那里有 {there} 个权重，这里有 {here} 个；"
            "请传入训练时的模型。",
        )
    facts = facts_of(state, meta_batch)
    return state.result(layout), state.last(layout), facts


def check_fit(start: Meta, meta: Meta, path: Path) -> None:
    """The model that was passed must be the one that was trained."""
    for name in {**start.params, **meta.params}:
        here = tuple(start.params[name].shape) if name in start.params else "absent"
        there = tuple(meta.params[name].shape) if name in meta.params else "absent"
        if here != there:
            raise InputError(
                f"the model does not fit the run in {str(path)!r}: {name} is {there} there and "
                f"{here} here; pass the model that was trained.",
                f"模型与 {str(path)!r} 中的运行不符：{name} 在那里是 {there}，这里是 {here}；"
                "请传入训练时的模型。",
            )


def tasks_of(written: Settings) -> Tasks | None:
    """The run's tasks; None if they have no name, a sentence if their data is not here."""
    name = written["tasks"]["name"]
    if name not in TASKS:
        return None
    return TASKS[name](**from_json(written["tasks"]["settings"], "tasks"))  # type: ignore[no-any-return]
