"""higher (Grefenstette et al. 2019, arXiv:1910.01727): a patched module and a differentiable SGD."""

from __future__ import annotations

import torch

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.contenders.torch_loop import Differentiate, Scene, Task, loop
from innerloop.bench.material import Problem
from innerloop.bench.workloads import Workload


def can(workload: Workload) -> bool:
    return workload.algorithm in ("maml", "fomaml")


def setup(problem: Problem) -> Ready:
    return loop(problem, maml)


def maml(scene: Scene) -> Differentiate:
    from higher import innerloop_ctx

    workload, module = scene.workload, scene.module
    second_order = workload.algorithm == "maml"
    sgd = torch.optim.SGD(module.parameters(), lr=workload.inner_lr)

    def differentiate(task: Task) -> None:
        tracked = {"copy_initial_weights": False, "track_higher_grads": second_order}
        with innerloop_ctx(module, sgd, **tracked) as (fast, descent):
            for _ in range(workload.inner_steps):
                descent.step(scene.loss(fast(task.support_x), task.support_y))
            loss = scene.loss(fast(task.query_x), task.query_y) / workload.tasks
            if second_order:
                loss.backward()
                return
            grads = torch.autograd.grad(loss, list(fast.parameters()))
            for parameter, g in zip(module.parameters(), grads, strict=True):
                parameter.grad = g if parameter.grad is None else parameter.grad + g

    return differentiate
