"""What is timed: pure data, one line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from innerloop.errors import not_one_of


@dataclass(frozen=True)
class Workload:
    """One meta-step: the gradient over `tasks` tasks, and Adam.

    model, settings: a built-in model and its arguments; inputs: the shape of one row.
    ways: classes; None for regression. shots, queries: per class, or per task.
    whole: the step draws its tasks anew, and ours goes through the training loop.

    The inner rates are powers of two, exact in every precision.
    """

    name: str
    about: tuple[str, str]  # English and Chinese
    tasks: int
    model: str
    inputs: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = "maml"
    ways: int | None = 5
    shots: int = 1
    queries: int = 15
    inner_steps: int = 1
    inner_lr: float = 0.125
    whole: bool = False
    quick_tasks: int = 2

    @property
    def support_rows(self) -> int:
        return self.shots * (self.ways or 1)

    @property
    def query_rows(self) -> int:
        return self.queries * (self.ways or 1)

    @property
    def is_conv4(self) -> bool:
        return self.model == "conv4"

    @property
    def takes_in_sets(self) -> bool:
        """Whether the learner makes its own network, which takes in a support set."""
        return not self.model

    def quick(self) -> Workload:
        return replace(self, tasks=min(self.tasks, self.quick_tasks))


def conv4(name: str, about: tuple[str, str], **further: Any) -> Workload:
    """64 channels on 28 x 28, 8 tasks, unless it says otherwise."""
    usual = {"tasks": 8, "model": "conv4", "inputs": (1, 28, 28)}
    return Workload(name, about, **{**usual, **further})


def sinusoid(name: str, about: tuple[str, str], inner_steps: int) -> Workload:
    return Workload(
        name,
        about,
        tasks=25,
        model="mlp",
        inputs=(1,),
        ways=None,
        shots=10,
        queries=10,
        inner_steps=inner_steps,
        inner_lr=2**-6,
        whole=True,
        quick_tasks=25,
    )


def of_sets(name: str, about: tuple[str, str], algorithm: str, **settings: Any) -> Workload:
    """A learner that makes its own network, on sinusoids of 25 and 12 rows."""
    return Workload(
        name,
        about,
        tasks=16,
        model="",
        inputs=(1,),
        settings=settings,
        algorithm=algorithm,
        ways=None,
        shots=25,
        queries=12,
        quick_tasks=16,
    )


ALL = [
    conv4("conv4-k1", ("conv4, 15 queries, 1 step", "conv4，15 个查询，1 步")),
    conv4("conv4-k5", ("conv4, 15 queries, 5 steps", "conv4，15 个查询，5 步"), inner_steps=5),
    conv4("conv4-q1-k1", ("conv4, 1 query, 1 step", "conv4，1 个查询，1 步"), queries=1),
    conv4(
        "conv4-q1-k5",
        ("conv4, 1 query, 5 steps", "conv4，1 个查询，5 步"),
        queries=1,
        inner_steps=5,
    ),
    conv4(
        "conv4-84",
        ("conv4-32 on 84x84x3, 5 steps", "conv4-32，84x84x3，5 步"),
        tasks=4,
        quick_tasks=1,
        inputs=(3, 84, 84),
        settings={"channels": 3, "size": 84, "width": 32},
        inner_lr=2**-4,
        inner_steps=5,
    ),
    conv4(
        "conv4-20way",
        ("conv4, 20-way, 5 steps", "conv4，20 类，5 步"),
        tasks=4,
        quick_tasks=1,
        ways=20,
        inner_steps=5,
    ),
    conv4(
        "conv4-fomaml",
        ("conv4, first order, 5 steps", "conv4，一阶，5 步"),
        algorithm="fomaml",
        inner_steps=5,
    ),
    conv4(
        "conv4-anil", ("conv4, ANIL, 5 steps", "conv4，ANIL，5 步"), algorithm="anil", inner_steps=5
    ),
    sinusoid("sinusoid-k1", ("sinusoids, whole step, 1 step", "正弦，完整一步，内循环 1 步"), 1),
    sinusoid("sinusoid-k5", ("sinusoids, whole step, 5 steps", "正弦，完整一步，内循环 5 步"), 5),
    Workload(
        "transformer",
        ("small transformer, 5 steps", "小型 transformer，5 步"),
        tasks=8,
        model="transformer",
        inputs=(16, 8),
        settings={"inputs": 8, "width": 32, "layers": 2},
        queries=5,
        inner_steps=5,
        inner_lr=2**-4,
    ),
    Workload(
        "gru",
        ("GRU of 32, 5 steps", "32 维 GRU，5 步"),
        tasks=8,
        model="recurrent",
        inputs=(16, 8),
        settings={"inputs": 8},
        queries=5,
        inner_steps=5,
    ),
    Workload(
        "resnet12",
        ("resnet12 of width 16, 1 step", "宽 16 的 resnet12，1 步"),
        tasks=4,
        quick_tasks=1,
        model="resnet12",
        inputs=(1, 28, 28),
        settings={"channels": 1, "size": 28, "width": 16},
        queries=5,
        inner_lr=2**-4,
    ),
    conv4(
        "protonet",
        ("prototypical network, 20-way", "原型网络，20 类"),
        algorithm="protonet",
        ways=20,
        queries=5,
    ),
    of_sets("neural-process", ("conditional neural process", "条件神经过程"), "cnp"),
    of_sets("in-context", ("in-context learner", "上下文学习器"), "in_context", layers=6),
]
WORKLOADS = {each.name: each for each in ALL}


def workload(name: str) -> Workload:
    """The workload of this name.

    >>> workload("conv4-20way").query_rows
    300
    """
    if name not in WORKLOADS:
        raise not_one_of("a workload", WORKLOADS, name)
    return WORKLOADS[name]
