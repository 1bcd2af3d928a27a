"""learn2learn (Arnold et al. 2020, arXiv:2008.12284), where it can be imported."""

from __future__ import annotations

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.contenders.torch_loop import (
    Differentiate,
    Scene,
    Task,
    body_and_head,
    loop,
)
from innerloop.bench.material import Problem
from innerloop.bench.workloads import Workload


def can(workload: Workload) -> bool:
    return workload.algorithm in ("maml", "fomaml", "anil")


def setup(problem: Problem) -> Ready:
    return loop(problem, anil if problem.workload.algorithm == "anil" else maml)


def maml(scene: Scene) -> Differentiate:
    from learn2learn.algorithms import MAML

    workload = scene.workload
    start = MAML(scene.module, lr=workload.inner_lr, first_order=workload.algorithm == "fomaml")

    def differentiate(task: Task) -> None:
        learner = start.clone()
        for _ in range(workload.inner_steps):
            learner.adapt(scene.loss(learner(task.support_x), task.support_y))
        (scene.loss(learner(task.query_x), task.query_y) / workload.tasks).backward()

    return differentiate


def anil(scene: Scene) -> Differentiate:
    from learn2learn.algorithms import MAML

    body, last = body_and_head(scene.module)
    start = MAML(last, lr=scene.workload.inner_lr)

    def differentiate(task: Task) -> None:
        head = start.clone()
        features = body(task.support_x)
        for _ in range(scene.workload.inner_steps):
            head.adapt(scene.loss(head(features), task.support_y))
        answers = head(body(task.query_x))
        (scene.loss(answers, task.query_y) / scene.workload.tasks).backward()

    return differentiate
