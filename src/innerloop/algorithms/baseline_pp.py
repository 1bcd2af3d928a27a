"""Baseline++ (Chen et al. 2019, "A Closer Look at Few-shot Classification", arXiv:1904.04232)."""

from __future__ import annotations

from innerloop.algorithms.finetune import Moves, Transfer
from innerloop.inner import Adam
from innerloop.losses import Loss
from innerloop.models import Encoder
from innerloop.models.heads import CosineHead
from innerloop.models.network import Model
from innerloop.outer import algorithm


@algorithm(encoder=True, meta_batch=1, ways=64, shots=1, queries=1)
def baseline_pp(
    model: Model,
    loss: Loss | None = None,
    *,
    classes: int,
    moves: Moves = "head",
    scale: float = 10.0,
    inner_lr: float = 0.01,
    inner_steps: int = 100,
) -> Transfer:
    """Fine-tuning whose heads compare directions: logits = scale * cos(w_n, f(x)).

    Pretrained by cross-entropy over all `classes`; a new task's w_n begin at the mean features of
    its classes (the paper draws them) and are then fitted by inner_steps steps of Adam. Such a
    head keeps features of one class close together, which plain fine-tuning does not ask for.
    The other arguments are those of `finetune`.

    >>> import torch, innerloop as il
    >>> learner = il.baseline_pp(torch.nn.Linear(2, 3), classes=10, inner_steps=0)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.eye(2), torch.tensor([0, 1])))
    >>> learner.predict(meta, fast, torch.eye(2)).argmax(1)
    tensor([0, 1])
    """
    head = CosineHead(scale)
    return Transfer(Encoder(model), loss, head, classes, Adam(inner_lr), inner_steps, moves)
