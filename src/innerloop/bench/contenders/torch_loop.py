"""What the contenders in PyTorch share: a module, Adam, and one task after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.material import Arrays, Problem, Tasks, module_of
from innerloop.bench.workloads import Workload

LR = 1e-3  # of Adam, in the outer loop
Loss = Callable[[Tensor, Tensor], Tensor]


class Task(NamedTuple):
    """The tensors of one task."""

    support_x: Tensor
    support_y: Tensor
    query_x: Tensor
    query_y: Tensor


class Scene(NamedTuple):
    """What a contender needs to differentiate one task."""

    workload: Workload
    module: nn.Module
    loss: Loss


Differentiate = Callable[[Task], None]  # adds a task's share of the gradient to .grad


def loop(problem: Problem, make: Callable[[Scene], Differentiate]) -> Ready:
    """One task after the other, each adding to .grad, as the peers' own examples do."""
    workload = problem.workload
    module = stateless(module_of(problem))
    loss = F.mse_loss if workload.ways is None else F.cross_entropy
    differentiate = make(Scene(workload, module, loss))

    def accumulate(tasks: Tasks) -> None:
        with sdpa_kernel(SDPBackend.MATH):  # attention's other kernels have no second derivative
            for each in zip(*map(torch.from_numpy, tasks), strict=True):
                differentiate(Task(*each))

    return ready(problem, module, accumulate)


def ready(problem: Problem, module: nn.Module, accumulate: Callable[[Tasks], None]) -> Ready:
    """accumulate: adds the gradient over the tasks to .grad."""
    optimiser, batches = torch.optim.Adam(module.parameters(), lr=LR), problem.batches()

    def gradient() -> Arrays:
        optimiser.zero_grad(set_to_none=True)
        accumulate(problem.tasks)
        return gradients_of(module)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        accumulate(next(batches))
        optimiser.step()

    return Ready(gradient, step)


def stateless(module: nn.Module) -> nn.Module:
    """Batch norm by the batch alone: no running statistics to keep in a loop that is functional."""
    for layer in module.modules():
        if isinstance(layer, _NormBase):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
    return module


def gradients_of(module: nn.Module) -> Arrays:
    grads = {n: p.grad for n, p in module.named_parameters()}
    return {n: g.detach().contiguous().numpy().copy() for n, g in grads.items() if g is not None}


def body_and_head(module: nn.Module) -> tuple[nn.Module, nn.Module]:
    """conv4 without its output layer, and that layer."""
    assert isinstance(module, nn.Sequential)
    return module[:-1], module[-1]
