"""Per-example losses `(outputs, targets) -> (rows,)`, and their mean over the real rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.core import Examples
from innerloop.errors import InputError

Loss = Callable[[Tensor, Tensor], Tensor]


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, averaged over a row's outputs.

    >>> mse(torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [0.0]]))
    tensor([1., 9.])
    """
    if outputs.shape != targets.shape:
        raise InputError(
            f"outputs and targets must have the same shape, got {tuple(outputs.shape)} and "
            f"{tuple(targets.shape)}; give the model as many outputs as a target has numbers.",
            f"输出与目标的形状必须相同，现为 {tuple(outputs.shape)} 与 {tuple(targets.shape)}；"
            "请让模型的输出数等于目标的维数。",
        )
    return (outputs - targets).square().flatten(1).mean(1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log-probability of the right class.

    >>> cross_entropy(torch.zeros(1, 2), torch.tensor([0]))
    tensor([0.6931])
    """
    return F.cross_entropy(outputs, targets, reduction="none")


def binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Minus the log-probability of a row's labels, averaged over them; outputs are log-odds.

    >>> binary_cross_entropy(torch.zeros(1, 2), torch.tensor([[True, False]]))
    tensor([0.6931])
    """
    if outputs.shape != targets.shape:
        raise InputError(
            f"outputs and labels must have the same shape, got {tuple(outputs.shape)} and "
            f"{tuple(targets.shape)}; give the model one output per label.",
            f"输出与标签的形状必须相同，现为 {tuple(outputs.shape)} 与 {tuple(targets.shape)}；"
            "请让模型为每个标签给出一个输出。",
        )
    each = F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), reduction="none")
    return each.flatten(1).mean(1)


def default_for(y: Tensor) -> Loss:
    """Numbers (floating) are regressed, integers classified, bool labels told one by one."""
    if y.dtype == torch.bool:
        return binary_cross_entropy
    return mse if y.dtype.is_floating_point else cross_entropy


def class_columns(outputs: Tensor, examples: Examples) -> Tensor:
    """The outputs that stand for the task's classes: the first `ways` columns."""
    if not examples.is_classification or examples.ways is None:
        return outputs
    if outputs.shape[-1] < examples.ways:
        raise InputError(
            f"a task needs one output per class: it has {examples.ways} ways, the model has "
            f"{outputs.shape[-1]} outputs; lower ways or give the model more outputs.",
            f"每个类别需要一个输出：任务有 {examples.ways} 类，模型只有 {outputs.shape[-1]} 个输出；"
            "请减少类别数或增加模型的输出。",
        )
    return outputs[..., : examples.ways]


def mean_loss(loss: Loss | None, outputs: Tensor, examples: Examples) -> Tensor:
    """The mean over an episode's real rows of `loss`, or of the default loss for its targets."""
    loss = loss or default_for(examples.y)
    each = loss(class_columns(outputs, examples), examples.y)
    if each.shape != examples.y.shape[:1]:
        raise InputError(
            f"a loss must return one value per example, got shape {tuple(each.shape)} for "
            f"{examples.y.shape[0]} examples; use reduction='none'.",
            f"损失函数应为每个样本返回一个值，{examples.y.shape[0]} 个样本却得到形状 "
            f"{tuple(each.shape)}；请使用 reduction='none'。",
        )
    if examples.mask is None:
        return each.mean()
    real = examples.mask.to(each.dtype)
    return torch.where(examples.mask, each, 0.0).sum() / real.sum().clamp(min=1)
