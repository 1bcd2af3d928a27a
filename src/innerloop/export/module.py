"""An adapted task as a plain Module: x -> probabilities, or numbers in the user's unit."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from innerloop.adapted import Adapted
from innerloop.adapted.plain import from_plain, to_plain
from innerloop.adapted.trusting import tempered
from innerloop.core import Meta
from innerloop.errors import InputError
from innerloop.tree import tree_leaves


class AdaptedModule(nn.Module):
    """What adaptation and meta-training have learnt, as buffers; `forward` answers.

    forward(x): x (rows, ...) as the learner takes it -> (rows, N) probabilities in the order of
        `classes`, or (rows, out) numbers in the user's unit.
    """

    def __init__(self, task: Adapted):
        super().__init__()
        tensors: dict[str, Tensor] = {}
        self.trees = {
            name: to_plain(tree, name, tensors)
            for name, tree in (("fast", task.fast), ("meta", task.meta), ("places", task.places))
        }
        self.task = replace(task, support=None)
        self.names = dict(zip(tensors, (f"held_{n}" for n in range(len(tensors))), strict=True))
        for name, tensor in tensors.items():
            self.register_buffer(self.names[name], tensor.detach().clone())

    @property
    def classes(self) -> list[str] | None:
        """The labels in the order of the outputs."""
        labels = self.task.classes
        return None if labels is None else [str(label) for label in labels.tolist()]

    def forward(self, x: Tensor) -> Tensor:
        held = {name: getattr(self, buffer) for name, buffer in self.names.items()}
        fast, meta, places = (from_plain(tree, held) for tree in self.trees.values())
        outputs = replace(self.task, fast=fast, meta=Meta(*meta), places=places).answer(x)
        if self.task.kind == "classification":
            return tempered(self.task, outputs).softmax(1)
        if self.task.kind == "multilabel":
            return outputs.sigmoid()
        return outputs if self.task.inputs is None else self.task.inputs.answers(outputs)


def example_of(task: Adapted, rows: int) -> Tensor:
    """(rows, ...) ones, as x of the task is shaped."""
    leaves = tree_leaves(task.form)
    if len(leaves) != 1 or not isinstance(task.form, Tensor):
        raise InputError(
            "a task whose x has several parts cannot be exported; give the network one tensor.",
            "x 由多个部分组成的任务无法导出；请让网络只接收一个张量。",
        )
    return torch.ones(rows, *task.form.shape[1:], dtype=task.form.dtype)


def check_transductive(task: Adapted) -> None:
    if getattr(task.learner.method, "transductive", False):
        raise InputError(
            "a transductive learner's answers depend on the other rows of the batch, so a file of it "
            "would answer differently; train without transductive=True.",
            "直推式学习器的答案依赖同批的其他行，导出后答案会不同；请不要使用 transductive=True 训练。",
        )


def exported(task: Adapted) -> tuple[AdaptedModule, torch.export.ExportedProgram]:
    """The module and its program, for any number of rows."""
    check_transductive(task)
    module = AdaptedModule(task).eval()
    example = example_of(task, 3)
    shapes = {"x": {0: torch.export.Dim("rows", min=1)}}
    with torch.no_grad():
        return module, torch.export.export(module, (example,), dynamic_shapes=shapes)
