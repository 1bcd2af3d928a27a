"""How raw input (a file, a row of a table) becomes x: fitted on meta-train alone, kept as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from torch import Tensor

from innerloop.errors import InputError
from innerloop.tree import Tree


class Inputs(Protocol):
    """What stands between a user's raw input and the rows x that a learner takes.

    It is made by a family of tasks from its meta-train split (image size, scaling, categories,
    imputation), written into the run's settings, and used alike by training and by prediction.

    name: its key in `INPUTS`. settings: what makes it again, as JSON.
    """

    name: ClassVar[str]

    @property
    def settings(self) -> dict[str, Any]: ...

    def x(self, raw: Any) -> Tree:
        """Many raw inputs -> x, one row per input."""

    def answers(self, outputs: Tensor) -> Tensor:
        """Regression outputs (rows, out) in the unit of the raw targets."""

    def targets(self, raw: Tensor) -> Tensor:
        """Raw regression targets (rows, out) in the unit that the learner is trained on."""


INPUTS: dict[str, Callable[..., Inputs]] = {}


def inputs_to_json(inputs: Inputs | None) -> dict[str, Any] | None:
    return None if inputs is None else {"name": inputs.name, "settings": inputs.settings}


def inputs_from_json(data: dict[str, Any] | None) -> Inputs | None:
    if data is None:
        return None
    if data["name"] not in INPUTS:
        raise InputError(
            f"this run reads inputs of the kind {data['name']!r}, which this version does not know; "
            "load it with the version that wrote it.",
            f"该运行读取 {data['name']!r} 类型的输入，本版本不支持；请用写入它的版本载入。",
        )
    return INPUTS[data["name"]](**data["settings"])
