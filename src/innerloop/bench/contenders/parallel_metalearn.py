"""parallel-metalearn: its own MAML, all tasks at once by vmap.

Batch norm keeps its scale and shift outside: with torch 2.13 the affine one inside vmap gives a
wrong second-order gradient, and the package would only be reported as wrong.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.contenders.torch_loop import LR, body_and_head, gradients_of, stateless
from innerloop.bench.material import Arrays, Problem, Tasks, module_of
from innerloop.bench.workloads import Workload


def can(workload: Workload) -> bool:
    """Whose last layer can be told apart: the package wants a backbone and a head."""
    networks = workload.is_conv4 or workload.model == "mlp"
    return networks and workload.algorithm in ("maml", "fomaml", "anil")


def setup(problem: Problem) -> Ready:
    module = with_affine_outside(stateless(module_of(problem)))
    algorithm = maml(problem.workload, module)
    batches = (tensors(tasks) for tasks in problem.batches())

    def gradient() -> Arrays:
        """Its step moves the weights as well: they are put back."""
        before = {n: p.detach().clone() for n, p in module.state_dict().items()}
        algorithm.step(itertools.repeat(tensors(problem.tasks)), training=True)
        found = gradients_of(module)
        module.load_state_dict(before)
        return found

    def step() -> None:
        algorithm.step(batches, training=True)

    return Ready(gradient, step, lambda: "vmap")


def maml(workload: Workload, module: nn.Module) -> Any:
    from metalearn.algorithms import MAML
    from metalearn.inner_optimizers import InnerSGD
    from metalearn.loss.base import BaseLoss
    from metalearn.model_wrappers import MAML_Model

    class MeanLoss(BaseLoss):
        def forward(self, out_dict: Any, targets: Tensor, *_: Any, **__: Any) -> Any:
            of = F.mse_loss if workload.ways is None else F.cross_entropy
            value = of(out_dict["logits"], targets)
            return value, value.detach()

    body, head = body_and_head(module)
    anil = "ANIL" if workload.algorithm == "anil" else None
    model = MAML_Model(backbone=Part(body), head=Part(head), fast_weights_names=anil)
    sgd = InnerSGD(
        initial_fast_weights=model.get_fast_weights(),
        inner_lr=workload.inner_lr,
        first_order=workload.algorithm == "fomaml",
        learn_lr=False,
        max_inner_steps=workload.inner_steps,
    )
    return MAML(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), lr=LR),
        inner_optimizer=sgd,
        support_loss_fn=MeanLoss(),
        inner_steps=workload.inner_steps,
        chunk_size=workload.tasks,
        device=torch.device("cpu"),
    )


class Part(nn.Module):
    """The package calls every part with keywords, which a Sequential does not take."""

    def __init__(self, part: nn.Module):
        super().__init__()
        self.part = part

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        y: Tensor = self.part(x)
        return y


class AffineOutside(nn.Module):
    """Batch norm by the batch, then scale and shift."""

    def __init__(self, norm: nn.BatchNorm2d):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.batch_norm(x, None, None, training=True, eps=self.eps)
        return y * self.weight[:, None, None] + self.bias[:, None, None]


def with_affine_outside(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, AffineOutside(child))
    return module


def tensors(tasks: Tasks) -> tuple[Tensor, ...]:
    return tuple(map(torch.from_numpy, tasks))
