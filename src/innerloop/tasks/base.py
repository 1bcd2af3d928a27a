"""A family of tasks: three streams of episodes with nothing in common but the family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from innerloop.episodes import Stream, most
from innerloop.errors import InputError, not_one_of
from innerloop.tasks.inputs import Inputs

Kind = Literal["classification", "regression", "multilabel"]
SPLITS = ("train", "validation", "test")
DRAWN, WHOLE = 1, 5  # shots where nobody says: of a class that is drawn; of a task that is as it is


@dataclass(frozen=True)
class Tasks:
    """A named family with its meta-train, meta-validation and meta-test streams.

    settings: what rebuilds the family by name, as JSON.
    input_shape: the shape of one x: (1,) a number, (1, 28, 28) an image (channels, height, width).
    targets: how many numbers a regression target has, or how many labels a row of "multilabel".
    inputs: how a user's raw input becomes x; None where x is given as it is.
    remarks: what was noticed when the data were read, as sentences.
    beside: name -> the same tasks, row for row, with other inputs: what a baseline may look at that must
        always stand beside a learner, such as time alone.
    """

    name: str
    kind: Kind
    train: Stream
    validation: Stream
    test: Stream
    settings: dict[str, Any] = field(default_factory=dict)
    input_shape: tuple[int, ...] = (1,)
    targets: int = 1
    inputs: Inputs | None = None
    remarks: tuple[str, ...] = ()
    beside: Mapping[str, Tasks] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """How many outputs a model needs: one per class of a task, or one per number or label."""
        if self.kind != "classification":
            return self.targets
        return max(most(self.split(name).ways) for name in SPLITS)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the data, as sentences; each once."""
        said = [note for name in SPLITS for note in self.split(name).notes]
        return tuple(dict.fromkeys([*self.remarks, *said]))

    def split(self, name: str) -> Stream:
        if name not in SPLITS:
            raise not_one_of("split", SPLITS, name)
        return getattr(self, name)  # type: ignore[no-any-return]

    def replace(self, **changes: Any) -> Tasks:
        """The same family with other ways, shots or queries in all three splits."""
        changes = {k: v for k, v in changes.items() if v is not None}
        if "ways" in changes and self.kind != "classification":
            raise no_classes(self.name)
        splits: dict[str, Any] = {name: self.split(name).replace(**changes) for name in SPLITS}
        beside = {name: other.replace(**changes) for name, other in self.beside.items()}
        return replace(self, **splits, settings={**self.settings, **changes}, beside=beside)

    def with_beside(self, beside: Mapping[str, Tasks], remark: str) -> Tasks:
        """The same with such tasks, and a sentence that says why."""
        return replace(self, beside=beside, remarks=(*self.remarks, remark))


def no_classes(name: str) -> InputError:
    return InputError(
        f"{name} is regression and has no classes, so --ways does not apply; leave it out.",
        f"{name} 是回归任务，没有类别，--ways 不适用；请去掉它。",
    )
