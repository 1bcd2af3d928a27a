"""One new task, learnt from a handful of examples, and its answers in the user's own terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.core import Examples, Meta, concatenate
from innerloop.errors import InputError
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.tree import Tree, tree_leaves, tree_map


@dataclass(frozen=True, eq=False)
class Adapted:
    """A learner adapted to one task.

    classes: the labels in the order of the probabilities' columns; None for regression.
    Answers come as tensors where x holds tensors, else as numpy arrays; labels that are no
    numbers always come as a numpy array.
    """

    learner: Learner
    meta: Meta
    fast: Tree
    support: Examples
    classes: np.ndarray | None
    flat: bool  # regression targets came as (S,), so answers leave as (Q,)

    def predict(self, x: Tree) -> Any:
        """(Q,) the most probable label of each row, or (Q,) or (Q, out) numbers."""
        outputs = self._outputs(x)
        if self.classes is None:
            return like(x, outputs[:, 0] if self.flat else outputs)
        best = self.classes[outputs.argmax(1).numpy()]
        return torch.from_numpy(best) if gives_tensors(x) and is_numeric(best) else best

    def predict_proba(self, x: Tree) -> Any:
        """(Q, N) the probability of each label, in the order of `classes`."""
        if self.classes is None:
            raise InputError(
                "predict_proba is for classification, and this task is a regression; use predict.",
                "predict_proba 用于分类，而该任务是回归；请使用 predict。",
            )
        return like(x, self._outputs(x).softmax(1))

    def update(self, x: Tree, y: Sequence[Any] | Any) -> Adapted:
        """The task with further examples, also of new classes; this one stays as it was."""
        more, classes, flat = examples(x, y, kind_of(self), self.meta, known=self.classes)
        if self.classes is None and flat != self.flat:
            raise InputError(
                "targets must have the shape they had before, (S,) or (S, out).",
                "目标的形状必须与之前一致：(S,) 或 (S, out)。",
            )
        support = concatenate(self.support, more)
        fast = self.learner.adapt(self.meta, support)
        return Adapted(self.learner, self.meta, fast, support, classes, self.flat)

    def _outputs(self, x: Tree) -> Tensor:
        rows = tensors(x, self.meta)
        same_shape(self.support.x, rows)
        outputs = self.learner.predict(self.meta, self.fast, rows)
        return class_columns(outputs, self.support).detach()


def adapt(learner: Learner, meta: Meta, kind: str, x: Tree, y: Sequence[Any] | Any) -> Adapted:
    """Learn one task; see `Run.adapt`."""
    support, classes, flat = examples(x, y, kind, meta)
    fast = learner.adapt(meta, support)
    return Adapted(learner, meta, fast, support, classes, flat)


def examples(
    x: Tree, y: Sequence[Any] | Any, kind: str, meta: Meta, known: np.ndarray | None = None
) -> tuple[Examples, np.ndarray | None, bool]:
    """(rows as tensors, the classes that their labels stand for, whether targets came flat)."""
    rows = tensors(x, meta)
    if kind == "classification":
        labels = as_labels(y)
        classes = classes_of(labels, known)
        position = {label: n for n, label in enumerate(classes.tolist())}
        places = torch.tensor([position[label] for label in labels.tolist()], dtype=torch.int64)
        return Examples(rows, places, ways=len(classes)), classes, False
    targets = torch.as_tensor(y if isinstance(y, Tensor) else np.asarray(y))
    targets = targets.detach().to(kind_of_numbers(meta))
    flat = targets.dim() == 1
    return Examples(rows, targets[:, None] if flat else targets), None, flat


def as_labels(y: Sequence[Any] | Any) -> np.ndarray:
    """(S,) labels of any type."""
    labels = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    if labels.ndim != 1 or not len(labels):
        raise InputError(
            f"y must hold one label per row, got shape {labels.shape}; pass a flat list of labels.",
            f"y 应为每行一个标签，收到形状 {labels.shape}；请传入一维标签列表。",
        )
    return labels


def classes_of(labels: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """The known classes in their order, then the new ones, sorted."""
    fresh = np.unique(labels)
    if known is None:
        return fresh
    return np.concatenate([known, fresh[~np.isin(fresh, known)]])


def tensors(x: Tree, meta: Meta) -> Tree:
    """Arrays as tensors; floating ones in the type of the learner's weights."""
    kind = kind_of_numbers(meta)

    def one(leaf: Any) -> Tensor:
        made = leaf.detach() if isinstance(leaf, Tensor) else torch.as_tensor(np.asarray(leaf))
        return made.to(kind) if made.is_floating_point() else made

    return one(x) if isinstance(x, list) else tree_map(one, x)


def kind_of_numbers(meta: Meta) -> torch.dtype:
    kinds = [leaf.dtype for leaf in meta.params.values() if leaf.is_floating_point()]
    return kinds[0] if kinds else torch.float32


def kind_of(adapted: Adapted) -> str:
    return "regression" if adapted.classes is None else "classification"


def same_shape(support: Tree, rows: Tree) -> None:
    """A forgotten row dimension would otherwise be answered with nonsense."""
    for known, new in zip(tree_leaves(support), tree_leaves(rows), strict=False):
        if known.dim() != new.dim():
            raise InputError(
                f"x must have one row per input, shaped like the support rows {tuple(known.shape)}; "
                f"got {tuple(new.shape)}; for one input pass x[None].",
                f"x 应为每个输入一行，形状与支持样本 {tuple(known.shape)} 相仿；收到 {tuple(new.shape)}；"
                "单个输入请传 x[None]。",
            )


def gives_tensors(x: Tree) -> bool:
    return not isinstance(x, list) and any(isinstance(leaf, Tensor) for leaf in tree_leaves(x))


def is_numeric(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "biuf"


def like(x: Tree, outputs: Tensor) -> Any:
    return outputs if gives_tensors(x) else outputs.numpy()
