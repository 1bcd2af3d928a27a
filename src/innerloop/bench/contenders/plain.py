"""PyTorch alone: the inner steps are recorded, and autograd goes back through them.

The honest stand-in for learn2learn, which does the same and cannot be built everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from innerloop.bench.contenders import sets
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
    return True


def setup(problem: Problem) -> Ready:
    if problem.workload.takes_in_sets:
        return sets.setup(problem)
    kinds = {"anil": anil, "protonet": protonet}
    return loop(problem, kinds.get(problem.workload.algorithm, maml))


def descended(scene: Scene, module: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The module's parameters after the inner steps."""
    second_order = scene.workload.algorithm != "fomaml"
    moved: dict[str, Tensor] = dict(module.named_parameters())
    for _ in range(scene.workload.inner_steps):
        loss = scene.loss(functional_call(module, moved, (x,)), y)
        grads = torch.autograd.grad(loss, list(moved.values()), create_graph=second_order)
        pairs = zip(moved.items(), grads, strict=True)
        moved = {name: p - scene.workload.inner_lr * g for (name, p), g in pairs}
    return moved


def maml(scene: Scene) -> Differentiate:
    def differentiate(task: Task) -> None:
        moved = descended(scene, scene.module, task.support_x, task.support_y)
        answers = functional_call(scene.module, moved, (task.query_x,))
        (scene.loss(answers, task.query_y) / scene.workload.tasks).backward()

    return differentiate


def anil(scene: Scene) -> Differentiate:
    """The body sees the images once; the inner steps move the output layer alone."""
    body, head = body_and_head(scene.module)

    def differentiate(task: Task) -> None:
        moved = descended(scene, head, body(task.support_x), task.support_y)
        answers = functional_call(head, moved, (body(task.query_x),))
        (scene.loss(answers, task.query_y) / scene.workload.tasks).backward()

    return differentiate


def protonet(scene: Scene) -> Differentiate:
    def differentiate(task: Task) -> None:
        features = scene.module(torch.cat([task.support_x, task.query_x]))
        support, query = features.split([len(task.support_x), len(task.query_x)])
        member = F.one_hot(task.support_y).to(features.dtype)  # (S, N)
        prototypes = member.T @ support / member.sum(0)[:, None]
        distances = torch.cdist(query, prototypes) ** 2
        (scene.loss(-distances, task.query_y) / scene.workload.tasks).backward()

    return differentiate
