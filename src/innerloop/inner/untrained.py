"""Learners that learn nothing across tasks."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from innerloop.core import Episode, Meta, Params
from innerloop.losses import Loss, mean_loss
from innerloop.tree import Tree


class Untrained:
    """A method whose meta-gradient is zero; its losses are those of its answers as it stands."""

    loss: Loss | None

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        fast = self.adapt(meta, episode.support)  # type: ignore[attr-defined]
        outputs: Tensor = self.predict(meta, fast, episode.query.x)  # type: ignore[attr-defined]
        return mean_loss(self.loss, outputs, episode.query), meta.state

    def task_gradient(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Params, Tensor, Tree]:
        with torch.no_grad():
            loss, state = self.task_loss(meta, episode)
        return {n: torch.zeros_like(p) for n, p in meta.params.items()}, loss, state
