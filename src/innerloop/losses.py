"""Per-example losses `(outputs, targets) -> (rows,)`, and their mean over the real rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from innerloop.core import Examples
from innerloop.errors import InputError
from innerloop.tree import Tree

Loss = Callable[[Tensor, Tensor], Tensor]
Answer = Callable[[Tree], Tensor]  # inputs -> outputs, by the model as it stands
Objective = Callable[[Answer, Examples], Tensor]
InnerLoss = Loss | Objective


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, averaged over a row's outputs.

    >>> mse(torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [0.0]]))
    tensor([1., 9.])
    """
    if not targets.dtype.is_floating_point:
        raise InputError(
            f"mse compares numbers, but the targets are {kind(targets)}; use cross_entropy for "
            "classes, or targets.float() for numbers.",
            f"mse 比较数值，而目标是 {kind(targets)}；类别请用 cross_entropy，数值请用 targets.float()。",
        )
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
    if targets.dtype.is_floating_point:
        raise InputError(
            f"cross_entropy needs class numbers 0, 1, ..., but the targets are {kind(targets)}; use "
            "mse for numbers, or targets.long() for classes.",
            f"cross_entropy 需要类别编号 0、1……，而目标是 {kind(targets)}；数值请用 mse，"
            "类别请用 targets.long()。",
        )
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
    if is_objective(loss):
        raise InputError(
            "an objective, which runs the model itself, is an inner loss; pass it as inner_loss.",
            "objective 自行运行模型，只能作为内循环损失；请通过 inner_loss 传入。",
        )
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


def objective(function: Objective) -> Objective:
    """Mark `function(answer, examples) -> scalar` as an inner loss that runs the model itself,
    as often and on whatever inputs it likes: for self-supervised adaptation, which need not look
    at `examples.y` (test-time training: Sun et al. 2020, arXiv:1909.13231).

    >>> @objective
    ... def consistency(answer, support):
    ...     return (answer(support.x) - answer(support.x.flip(-1))).square().mean()
    >>> support = Examples(torch.ones(2, 3), torch.zeros(2))
    >>> loss_on(consistency, lambda x: x, support)
    tensor(0.)
    """
    function.runs_the_model = True  # type: ignore[attr-defined]
    return function


def is_objective(loss: InnerLoss | None) -> bool:
    return getattr(loss, "runs_the_model", False)


def loss_on(loss: InnerLoss | None, answer: Answer, examples: Examples) -> Tensor:
    """The mean loss of what the model answers to the examples, or what an objective makes of it."""
    if not is_objective(loss):
        return mean_loss(loss, answer(examples.x), examples)  # type: ignore[arg-type]
    value: Tensor = loss(answer, examples)  # type: ignore[misc, arg-type]
    if value.dim():
        raise InputError(
            f"an objective must return one number, got shape {tuple(value.shape)}; take its mean().",
            f"objective 必须返回一个数，却得到形状 {tuple(value.shape)}；请对其取 mean()。",
        )
    return value


def kind(values: Tensor) -> str:
    """float32, int64"""
    return str(values.dtype).removeprefix("torch.")
