"""TorchOpt (Ren et al. 2022, arXiv:2211.06934): MetaSGD moves the module; its state is put back."""

from __future__ import annotations

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.contenders.torch_loop import Differentiate, Scene, Task, loop
from innerloop.bench.material import Problem
from innerloop.bench.workloads import Workload


def can(workload: Workload) -> bool:
    return workload.algorithm == "maml"


def setup(problem: Problem) -> Ready:
    return loop(problem, maml)


def maml(scene: Scene) -> Differentiate:
    import torchopt

    workload, module = scene.workload, scene.module
    sgd = torchopt.MetaSGD(module, lr=workload.inner_lr)

    def differentiate(task: Task) -> None:
        weights = torchopt.extract_state_dict(module, by="reference")
        memory = torchopt.extract_state_dict(sgd)
        for _ in range(workload.inner_steps):
            sgd.step(scene.loss(module(task.support_x), task.support_y))
        (scene.loss(module(task.query_x), task.query_y) / workload.tasks).backward()
        torchopt.recover_state_dict(module, weights)
        torchopt.recover_state_dict(sgd, memory)

    return differentiate
