"""A run: a learner and what it has learnt across tasks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from innerloop.adapted.rows import one_task
from innerloop.adapted.task import Adapted, adapt
from innerloop.arguments import checked
from innerloop.core import Meta
from innerloop.devices import device_of, to_device
from innerloop.language import say
from innerloop.outer import Learner
from innerloop.tasks import Tasks
from innerloop.tasks.inputs import Inputs
from innerloop.training import Verdict
from innerloop.training.progress import spelt


@dataclass(frozen=True, eq=False)
class Run:
    """What `train` returns and `load` reads back.

    meta: the result: the best meta-parameters by validation, or the last where nothing was
        validated; `result` says which. last: those of the last step, None for a run whose
        checkpoints are gone.
    kind: "classification" or "regression": what its tasks are.
    verdict: how it ended; None for a run that was killed and could go on.
    history: one dict per logged step: step, loss, lr, validation, dropped, seconds.
    dropped: tasks left out since their loss or gradient was not finite; `dropped_names` are the
        first of them. diagnosis: what to do about it if the run diverged.
    inputs: how a user's raw input becomes x; None where x is given as it is.
    """

    learner: Learner
    meta: Meta
    kind: str
    verdict: Verdict | None
    steps: int
    tasks: Tasks | None = None
    inputs: Inputs | None = None
    folder: Path | None = None
    last: Meta | None = None
    result: str = ""
    validation: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    tasks_per_second: float = 0.0
    dropped: int = 0
    dropped_names: tuple[str, ...] = ()
    diagnosis: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @checked(orders="8")
    def adapt(
        self, x: Any, y: Any, *, orders: int | None = None, device: str | None = None
    ) -> Adapted:
        """Learn one new task from its examples.

        x: (S, ...) rows as numpy arrays or tensors, or a tree of them; where the run has `inputs`,
            also raw ones: files, PIL images, a DataFrame, a list of dicts.
        y: (S,) labels to classify: strings, whole numbers or truth values; (S,) or (S, out) numbers
            to regress.
        orders: adapt in so many orders of the classes and average the answers. It makes a
            difference where each class has an output that is learnt across tasks (MAML and its
            family), and is 5 there: naming the classes otherwise then changes about 1 % of the
            answers instead of 9 %. 1 takes the sorted labels in their order.
        device: where the task is learnt and answers ("cuda"); None: where the run's weights are.
        """
        if device is not None:
            return self.to(device).adapt(x, y, orders=orders)  # type: ignore[no-any-return]
        one_task(x, self.settings.get("tasks", {}).get("settings", {}).get("task"))
        return adapt(
            self.learner,
            self.meta,
            self.kind,
            x,
            y,
            orders=orders,
            inputs=self.inputs,
            folder=self.folder,
            tasks=self.tasks,
        )

    def to(self, device: str) -> Run:
        """The run with its weights on another device ("cuda", "cpu"); tasks adapt and answer there."""

        place = device_of(device)
        last = self.last and to_device(self.last, place)
        return replace(self, meta=to_device(self.meta, place), last=last)

    def __deepcopy__(self, memo: Any) -> Run:
        return self  # a run does not change

    def __str__(self) -> str:
        ending = (
            str(self.verdict) if self.verdict else say("The run is not over.", "运行尚未结束。")
        )
        lines = [
            say(
                f"{self.learner.spec.algorithm}, {self.steps} steps in {self.seconds:.1f} s "
                f"({spelt(self.tasks_per_second)} tasks/s). {ending}",
                f"{self.learner.spec.algorithm}，{self.steps} 步，用时 {self.seconds:.1f} 秒"
                f"（{spelt(self.tasks_per_second)} 任务/秒）。{ending}",
            )
        ]
        lines += [text for text in (self.diagnosis, self.result) if text]
        if self.dropped:
            names = ", ".join(self.dropped_names)
            lines.append(
                say(
                    f"{self.dropped} tasks were not finite and left out, first: {names}.",
                    f"{self.dropped} 个任务含非有限值而被舍弃，最先的是：{names}。",
                )
            )
        return "\n".join(lines)
