"""What calibration says of one adapted task. A calibration belongs to a run: it is made where a task
of its shape is first asked about, and kept in the run's folder from then on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from innerloop.algorithms.spec import spec_to_json
from innerloop.core import Examples, Meta
from innerloop.devices import CPU, to_device
from innerloop.errors import InnerloopError, InputError
from innerloop.outer import Learner
from innerloop.structure.calibration import Answer, Calibration, alone, calibrate
from innerloop.structure.shape import Shape
from innerloop.structure.strangeness import Cloud
from innerloop.tasks import Tasks
from innerloop.training.files import damage, digest, read_tensors, weights_digest, write_tensors

FOLDER = "calibration"
VERSION = 2  # of what calibration does: another number is calibrated anew


class Trust(NamedTuple):
    """familiar_p: the p-value that the task is like those of meta-training. limits: (1001,) how far
    answers may be off, see `conformal.thresholds`; None where a row may have several labels.
    coverage: with which sets and intervals are asked for where nothing is said; None for none.
    temperature: by which logits are divided before they are probabilities; None where there are none."""

    familiar_p: float
    limits: Tensor | None
    coverage: float | None = None
    temperature: float | None = None


def trust_of(
    learner: Learner,
    meta: Meta,
    tasks: Tasks | None,
    support: Examples | None,
    *,
    folder: Path | None = None,
    answer: Answer | None = None,
    orders: int = 1,
    coverage: float | None = None,
) -> Trust:
    """How far to trust what a learner says of the task that `support` is of.

    tasks: those that the learner has learnt from. folder: of the run; None keeps nothing.
    answer, orders: how the task's answers are made, see `calibrate`; in how many orders.
    """
    if tasks is None or support is None:
        raise unknown(tasks is None)
    support = to_device(support, CPU)
    shape = Shape.of(support)
    facts = {"tasks": tasks.settings, "family": tasks.name, "orders": orders}
    path = None if folder is None else folder / FOLDER / f"{name_of(learner, meta, shape, facts)}"
    found = None if path is None else read(path, shape)
    if found is None:
        found = calibrate(learner, meta, tasks.train, tasks.validation, shape, answer=answer)
        if path is not None:
            write(path, found)
    [p] = found.p(learner, meta, alone(support)).tolist()
    limits = None if found.limits is None else found.limits.float()  # half the bytes of its file
    return Trust(p, limits, coverage, found.temperature)


def name_of(learner: Learner, meta: Meta, shape: Shape, facts: dict[str, Any]) -> str:
    """The file's: of all that a calibration depends on."""
    whole = {
        "version": VERSION,
        "learner": spec_to_json(learner),
        "weights": weights_digest(meta),
        "counts": shape.counts,
        "classes": shape.classes,
        **facts,
    }
    return f"{digest(whole)}.safetensors"


def write(path: Path, found: Calibration) -> None:
    """Keep it, if the folder may be written in; it can be made again."""
    tensors = {"strange": found.strange, "weights": found.weights}
    if found.cloud is not None:
        tensors |= {f"cloud.{n}": leaf for n, leaf in found.cloud._asdict().items()}
    if found.limits is not None:
        tensors["limits"] = found.limits
    values = {
        "counts": found.shape.counts,
        "classes": found.shape.classes,
        "temperature": found.temperature,
    }
    with suppress(InnerloopError):
        write_tensors(path, tensors, values)


def read(path: Path, shape: Shape) -> Calibration | None:
    """None where there is none, or none that is whole."""
    if not path.is_file():
        return None
    try:
        tensors, values = read_tensors(path)
        with damage(path):
            cloud = None
            if "cloud.mean" in tensors:
                cloud = Cloud(*(tensors[f"cloud.{name}"] for name in Cloud._fields))
            strange, weights, limits = tensors["strange"], tensors["weights"], tensors.get("limits")
            return Calibration(shape, strange, weights, cloud, limits, values["temperature"])
    except InputError:
        return None


def unknown(tasks: bool) -> InputError:
    if tasks:
        return InputError(
            "calibrating needs the meta-validation tasks of the run, and they are not here; load the run "
            "with tasks=, or adapt where its data are.",
            "校准需要该运行的元验证任务，而此处没有；请在载入运行时给出 tasks=，或在数据所在处进行适应。",
        )
    return InputError(
        "calibrating needs the task's examples, and this file does not hold them; save with "
        "keep_support=True, or calibrate before saving.",
        "校准需要该任务的样本，而该文件未保存样本；请在保存时使用 keep_support=True，或在保存前校准。",
    )


def sentence(p: float) -> tuple[str, str]:
    """Of a task that is not like those of meta-training, in English and Chinese."""
    return (
        f"This task looks unlike those of meta-training (p = {p:.3f}): fewer than one in twenty of them "
        "would look as strange, so check its answers before relying on them.",
        f"该任务与元训练的任务不相似（p = {p:.3f}）：同样陌生的任务不到二十分之一，请在依赖其答案之前先核对。",
    )
