"""The loss of outputs, its gradient, and how that moves: closed forms of the usual losses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, grad_and_value, jvp
from torch.nn import functional as F

from innerloop.core import Examples
from innerloop.losses import Loss, class_columns, cross_entropy, default_for, mean_loss, mse


class Score:
    """The mean loss of examples as a function of the outputs (rows, ...)."""

    def __init__(self, loss: Loss | None, examples: Examples):
        self.loss, self.examples = loss or default_for(examples.y), examples

    def slope(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, d loss / d outputs)"""
        y = self.examples.y
        if self.loss is cross_entropy:
            return self._of_classes(outputs)
        if self.loss is mse and outputs.shape == y.shape:
            gap = outputs - y
            return gap.square().mean(), gap * (2 / gap.numel())
        slope, value = grad_and_value(self._mean)(outputs)
        return value, slope

    def slope_along(self, outputs: Tensor, along: Tensor) -> Tensor:
        """How the slope moves as the outputs move along."""
        if self.loss is cross_entropy:
            ways = class_columns(outputs, self.examples).shape[-1]
            p, d = outputs[..., :ways].softmax(-1), along[..., :ways]
            moved = p * (d - (p * d).sum(-1, keepdim=True)) / len(outputs)
            return F.pad(moved, (0, outputs.shape[-1] - ways))
        if self.loss is mse:
            return along * (2 / along.numel())
        found: Tensor = jvp(grad(self._mean), (outputs,), (along,))[1]
        return found

    def _mean(self, outputs: Tensor) -> Tensor:
        return mean_loss(self.loss, outputs, self.examples)

    def _of_classes(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        y, rows = self.examples.y.long(), len(outputs)
        columns = class_columns(outputs, self.examples)
        logs = columns.log_softmax(-1)
        at = torch.arange(rows, device=y.device)
        slope = logs.exp()
        slope[at, y] -= 1
        slope = F.pad(slope / rows, (0, outputs.shape[-1] - columns.shape[-1]))
        return -logs[at, y].mean(), slope
