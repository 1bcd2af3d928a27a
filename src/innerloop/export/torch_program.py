"""`program`: an adapted task by torch.export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from innerloop.adapted import Adapted
from innerloop.export.module import exported

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def program(task: Adapted) -> ExportedProgram:
    """x (rows, ...) -> probabilities (rows, N) or numbers (rows, out), for any number of rows.

    `torch.export.save(program(task), "task.pt2")` writes it; `.module()(x)` answers.

    >>> import torch, innerloop as il
    >>> from innerloop.export import program
    >>> learner = il.ridge()
    >>> run = il.Run(learner, learner.init(), "classification", None, 0)
    >>> task = run.adapt(torch.eye(3), ["a", "b", "c"])
    >>> program(task).module()(torch.eye(3)).argmax(1)
    tensor([0, 1, 2])
    """
    return exported(task)[1]
