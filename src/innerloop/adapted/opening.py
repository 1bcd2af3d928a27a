"""`load_adapted`: an adapted task out of its file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from innerloop.adapted.artefact import VERSION
from innerloop.adapted.loading import load
from innerloop.adapted.plain import from_plain
from innerloop.adapted.run import Run
from innerloop.adapted.task import Adapted
from innerloop.algorithms.spec import OWN, spec_from_json
from innerloop.arguments import checked
from innerloop.devices import device_of, to_device
from innerloop.errors import InputError
from innerloop.tasks.inputs import inputs_from_json
from innerloop.training.files import damage, read_tensors, weights_digest


@checked(path="'new.safetensors'", run="'runs/first'")
def load_adapted(
    path: str | os.PathLike[str],
    run: Run | str | os.PathLike[str] | None = None,
    *,
    model: Any = None,
    device: str | None = None,
) -> Adapted:
    """The adapted task in a file that `Adapted.save` wrote.

    run: the run it was adapted from, or its folder; None looks where the run was when the file was
        written, first seen from the file (so that both may move together), then by its full path.
        A standalone file needs none.
    model: the Module, where it is the user's own and cannot be imported by name.
    device: where it answers ("cuda").
    """
    path = Path(path)
    if (path / "settings.json").is_file():
        raise InputError(
            f"{str(path)!r} is a run, not an adapted task; adapt it to a task's examples first.",
            f"{str(path)!r} 是一次运行，而不是适应后的任务；请先用一个任务的样本进行适应。",
        )
    if not path.is_file():
        raise InputError(
            f"there is no file {str(path)!r}; give the one that save wrote.",
            f"没有文件 {str(path)!r}；请给出 save 写入的文件。",
        )
    tensors, values = read_tensors(path)
    check_version(path, values)
    with damage(path):
        trees = ("fast", "form", "places", "support", "meta")
        held = {key: from_plain(values[key], tensors) for key in trees}
        held["trust"] = from_plain(values.get("trust", {"value": None}), tensors)
        held |= {key: values[key] for key in ("kind", "flat", "orders")}
        held["classes"] = None if values["classes"] is None else np.asarray(values["classes"])
        spec, named, inputs = values["spec"], values["run"], values["inputs"]
        task = together(path, held, spec, named, inputs, run, model)
    return task if device is None else moved(task, device)


def together(
    path: Path,
    held: dict[str, Any],
    spec: dict[str, Any],
    named: dict[str, Any],
    written: dict[str, Any] | None,
    run: Any,
    model: Any,
) -> Adapted:
    """The task: what its file holds, and what its run adds."""
    meta, inputs, folder, tasks = held.pop("meta"), inputs_from_json(written), None, None
    given: dict[str, Any] = {}
    if meta is None:
        found = run_for(path, named, run, model)
        meta, inputs, folder, tasks = found.meta, found.inputs, found.folder, found.tasks
        model = found.learner.spec.model
        own = [name for name, value in spec["settings"].items() if value == OWN]
        given = {name: found.learner.spec.settings[name] for name in own}
    learner = spec_from_json(spec, model, **given)
    return Adapted(learner=learner, meta=meta, inputs=inputs, folder=folder, tasks=tasks, **held)


def run_for(path: Path, named: dict[str, Any], run: Any, model: Any) -> Run:
    """The run whose weights the task was adapted from."""
    if run is not None:
        found = run if isinstance(run, Run) else load(run, model)
        if weights_digest(found.meta) != named["weights"]:
            raise other_weights(path, str(found.folder or "in memory"))
        return found
    places = [path.parent / named["relative"]] if named["relative"] else []
    places += [Path(named["absolute"])] if named["absolute"] else []
    there = [place for place in places if (place / "settings.json").is_file()]
    if not there:
        raise InputError(
            f"{str(path)!r} was adapted from the run {named['name']!r}, which is no longer at "
            f"{named['absolute']!r}; say where it is with --run.",
            f"{str(path)!r} 由运行 {named['name']!r} 适应而来，但它已不在 {named['absolute']!r}；"
            "请用 --run 指明。",
        )
    for place in there:
        found = load(os.path.normpath(place), model)
        if weights_digest(found.meta) == named["weights"]:
            return found
    raise other_weights(path, os.path.normpath(there[0]))


def other_weights(path: Path, place: str) -> InputError:
    return InputError(
        f"{str(path)!r} was adapted from other weights than those of the run {place!r}; pass the run that "
        "it came from, or adapt again.",
        f"{str(path)!r} 所依据的权重与运行 {place!r} 的不同；请传入原来的运行，或重新适应。",
    )


def check_version(path: Path, values: dict[str, Any]) -> None:
    version = values.get("adapted")
    if not isinstance(version, int):
        raise InputError(
            f"{str(path)!r} does not hold an adapted task; give the file that save wrote.",
            f"{str(path)!r} 中不是适应后的任务；请给出 save 写入的文件。",
        )
    if version > VERSION:
        raise InputError(
            f"{str(path)!r} is of version {version} of the file format, and this innerloop reads up to "
            f"{VERSION}; update innerloop.",
            f"{str(path)!r} 的文件格式版本为 {version}，当前 innerloop 最高支持 {VERSION}；请升级 innerloop。",
        )


def moved(task: Adapted, device: str) -> Adapted:
    """The task with its tensors on another device."""
    place = device_of(device)
    trees = ("meta", "fast", "form", "support", "places")
    return replace(task, **{name: to_device(getattr(task, name), place) for name in trees})
