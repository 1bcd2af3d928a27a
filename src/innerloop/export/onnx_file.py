"""`onnx`: an adapted task as an ONNX file."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch

from innerloop.adapted import Adapted
from innerloop.errors import InputError, MissingExtra
from innerloop.export.module import exported
from innerloop.training.files import write_atomically


def onnx(task: Adapted, path: str | os.PathLike[str]) -> None:
    """Write a file for onnxruntime: input "x" (rows, ...), any number of rows; output
    "probabilities" (rows, N), or "numbers" (rows, out) in the user's unit.

    The file's metadata hold the labels as JSON under "classes", in the order of the columns. What
    makes x from raw inputs stays outside; x is what `task.inputs.x` gives.
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise MissingExtra("onnx", "Export to ONNX")
    module, program = exported(task)
    output = "numbers" if task.kind == "regression" else "probabilities"
    try:
        with quiet():
            made = torch.onnx.export(
                program, input_names=["x"], output_names=[output], dynamo=True, verbose=False
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise InputError(
            f"this network has an operation that ONNX does not know ({reason}); use "
            "innerloop.export.program.",
            f"该网络含有 ONNX 不支持的操作（{reason}）；请使用 innerloop.export.program。",
        ) from error
    assert made is not None
    model = made.model_proto
    labels = model.metadata_props.add()
    labels.key, labels.value = "classes", json.dumps(module.classes, ensure_ascii=False)
    write_atomically(Path(path), model.SerializeToString())


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter's remarks about its own workings are not the user's business."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
