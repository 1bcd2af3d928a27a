"""One new task, learnt from a handful of examples, and its answers in the user's own terms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.adapted.artefact import save
from innerloop.adapted.labels import as_flags, as_labels, as_targets, classes_of, positions
from innerloop.adapted.orders import (
    ORDERS,
    adapt_in_orders,
    answer_in_orders,
    depends_on_order,
    places_of,
)
from innerloop.adapted.reasons import Near, nearest
from innerloop.adapted.rows import (
    as_rows,
    check_form,
    gives_tensors,
    like,
    network_errors,
    numbers_of,
)
from innerloop.adapted.trusting import calibrated, interval_of, sets_of, tempered
from innerloop.core import Examples, Meta, concatenate
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.likelihoods import Mixture, Normal
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.structure.trust import Trust
from innerloop.tasks import Tasks
from innerloop.tasks.inputs import Inputs
from innerloop.tree import Tree, tree_map


@dataclass(frozen=True, eq=False, kw_only=True)
class Adapted:
    """A learner adapted to one task: what `Run.adapt` returns and `load_adapted` reads back.

    kind: "classification", "regression", or "multilabel" (a row may have several labels).
    classes: the labels in the order of the probabilities' columns; None unless one is chosen.
    fast: what adaptation has learnt, and all of the task that a file must hold.
    form: x without rows, (0, ...): what an input looks like.
    support: the examples so far; None in a task that was loaded from a file without them.
    orders: in how many orders the classes were given to the outputs; places: (orders, N) which.
    inputs: how raw inputs become x; None where x is given as it is. folder, tasks: the run's.
    trust: what calibration says of the task; None where it has not been asked (`calibrated`).

    Answers come as tensors where x holds tensors, else as numpy arrays; labels that are no
    numbers always come as a numpy array.
    """

    learner: Learner
    meta: Meta
    fast: Tree
    form: Tree
    kind: str
    classes: np.ndarray | None = None
    flat: bool = False  # targets came as (S,), so answers leave as (Q,)
    support: Examples | None = None
    orders: int = 1
    places: Tensor | None = None
    inputs: Inputs | None = None
    folder: Path | None = None
    tasks: Tasks | None = None
    trust: Trust | None = None

    def __repr__(self) -> str:
        name, what = self.learner.spec.algorithm, self.kind
        if self.classes is not None:
            labels = [str(label) for label in self.classes]
            what += f" of {', '.join(labels[:8])}" + (", ..." if len(labels) > 8 else "")
        learnt = "" if self.support is None else f", learnt from {len(self.support.y)} examples"
        said = f" {self.notice}" if self.notice else ""
        return f"Adapted({name}, {what}{learnt}){said}"

    def predict(self, x: Any, *, coverage: float | None = None) -> Any:
        """(Q,) the most probable label of each row, or numbers or truth values shaped like y.

        coverage: answer instead with what holds the truth in this share of cases, over new tasks
            like those of meta-validation: for each row a list of labels, empty where it is none of
            the task's, or (Q, 2) the ends of an interval, (Q, out, 2) of several numbers. The
            limits are `calibrated` first if they are not yet.
        """
        outputs = self.outputs(x)
        if coverage is not None:
            if self.classes is not None:
                return sets_of(self, outputs, coverage)
            ends = interval_of(self, outputs, coverage)
            return self._shaped(x, torch.stack(ends, -1))
        if self.classes is None:
            if self.kind == "multilabel":
                return self._shaped(x, outputs > 0)
            likelihood = self.learner.likelihood
            mean = outputs if likelihood is None else likelihood.answer(outputs)
            return self._shaped(x, self._in_unit(mean))
        best = self.classes[outputs.argmax(1).cpu().numpy()]
        return torch.from_numpy(best) if gives_tensors(x) and best.dtype.kind in "biuf" else best

    def predict_proba(self, x: Any) -> Any:
        """(Q, N) the probability of each label, in the order of `classes` or of y's columns.

        In a task that is `calibrated`, with the temperature that makes them mean what they say on
        meta-validation tasks of as many examples (Guo et al. 2017, arXiv:1706.04599); one label of
        several alone.
        """
        if self.kind == "multilabel":
            return like(x, self.outputs(x).sigmoid())
        if self.classes is None:
            raise InputError(
                "predict_proba is for classification, and this task is a regression; use predict.",
                "predict_proba 用于分类，而该任务是回归；请使用 predict。",
            )
        return like(x, tempered(self, self.outputs(x)).softmax(1))

    def predict_std(self, x: Any) -> Any:
        """The standard deviation of each answer of `predict`, in its shape and unit."""
        outputs, spread = self.outputs(x), self._spread()
        mean, std = spread.answer(outputs), spread.std(outputs)
        return self._shaped(x, self._in_unit(mean + std) - self._in_unit(mean))

    def predict_quantiles(self, x: Any, shares: Sequence[float] = (0.05, 0.5, 0.95)) -> Any:
        """(len(shares), ...) the values below which a target lies with these probabilities, each
        shaped like the answer of `predict`."""
        outputs, spread = self.outputs(x), self._spread()
        each = [self._in_unit(spread.quantile(outputs, share)) for share in shares]
        return like(x, torch.stack([e[:, 0] if self.flat else e for e in each]))

    def _spread(self) -> Normal | Mixture:
        likelihood = self.learner.likelihood
        if isinstance(likelihood, Normal | Mixture):
            return likelihood
        name = self.learner.spec.algorithm
        raise InputError(
            f"{name} does not say how far its answers may be off; use a learner that does, such as "
            "tnp or cnp, or ask for an interval with coverage.",
            f"{name} 不给出其答案的偏差范围；请使用给出分布的学习器，例如 tnp 或 cnp，或用 coverage 请求区间。",
        )

    def _in_unit(self, numbers: Tensor) -> Tensor:
        return numbers if self.inputs is None else self.inputs.answers(numbers)

    def _shaped(self, x: Any, answers: Tensor) -> Any:
        return like(x, answers[:, 0] if self.flat else answers)

    def nearest(self, x: Any, count: int = 3) -> list[list[Near]]:
        """For each row of x the examples that it is most like, the likest first: (row, label, share).

        It is the learner's own likeness where it compares (prototypes, ridge, semantic), else the distance
        of the inputs. The task must hold its examples (`keep_support`).
        """
        return nearest(self, x, count)

    @property
    def notice(self) -> str | None:
        """What must be said with every answer of this family of tasks, if anything."""
        said = getattr(self.inputs, "notice", ())
        return say(*said) if said else None

    @property
    def familiar_p(self) -> float | None:
        """The p-value that this task is like those of meta-training; None before `calibrated`."""
        return None if self.trust is None else self.trust.familiar_p

    def calibrated(self, coverage: float | None = None) -> Adapted:
        """The task with what its run's meta-validation tasks say of it: `familiar_p`, limits for
        answers with a coverage, and the temperature of its probabilities.

        They are met as this task was, with as many examples; once, for they are kept in the run's
        folder. Takes seconds, or a minute where the learner is slow. coverage: with which a file
        that is saved from here on is answered by `innerloop predict`.
        """
        return calibrated(self, coverage)

    def update(self, x: Any, y: Any) -> Adapted:
        """The task with further examples, also of new classes; this one stays as it was.

        Learners that can (`learner.can_observe`) take them in; the others adapt again to all
        examples so far.
        """
        more, classes, flat = examples(self, x, y, known=self.classes)
        check_form(self.form, more.x)
        if self.classes is None and flat != self.flat:
            before, got = ("(S,)", "(S, out)") if self.flat else ("(S, out)", "(S,)")
            raise InputError(
                f"targets must have the shape they had before, {before}, got {got}; reshape y.",
                f"目标的形状必须与之前一致：{before}，收到 {got}；请调整 y 的形状。",
            )
        support = None if self.support is None else concatenate(self.support, more)
        if self.learner.can_observe and self.places is None:
            with network_errors(self.learner, more.x):
                fast = self.learner.observe(self.meta, self.fast, more)
            return replace(self, fast=fast, classes=classes, support=support, trust=None)
        if support is None:
            raise InputError(
                f"{self.learner.spec.algorithm} adapts again to all examples, and this file does not "
                "hold those so far; save with keep_support=True, or adapt to old and new together.",
                f"{self.learner.spec.algorithm} 需要用全部样本重新适应，而该文件未保存已有样本；"
                "请在保存时使用 keep_support=True，或用新旧样本一起适应。",
            )
        return learn(replace(self, classes=classes, support=support))

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        standalone: bool = False,
        keep_support: bool = False,
    ) -> None:
        """One small file (safetensors and JSON, nothing pickled) for `load_adapted`.

        It names its run and holds the digest of the run's weights. standalone: the file takes the
        learner along and needs no run. keep_support: the examples too, so that learners which
        cannot take in further examples can still be updated after loading.
        """
        save(self, Path(path), standalone=standalone, keep_support=keep_support)

    def outputs(self, x: Any) -> Tensor:
        """(Q, N) the classes' logits, or (Q, out) numbers in the unit of training."""
        made = as_rows(x, self.learner, self.meta, self.inputs)
        check_form(self.form, made)
        with network_errors(self.learner, made):
            return self.answer(made).detach()

    def answer(self, x: Tree) -> Tensor:
        """`outputs` of rows that are tensors as the learner takes them, unchecked."""
        if self.places is not None:
            return answer_in_orders(self.learner, self.meta, self.fast, self.places, x)
        outputs = self.learner.predict(self.meta, self.fast, x)
        return outputs if self.classes is None else columns(outputs, self.classes)


def adapt(
    learner: Learner,
    meta: Meta,
    kind: str,
    x: Any,
    y: Any,
    *,
    orders: int | None = None,
    inputs: Inputs | None = None,
    folder: Path | None = None,
    tasks: Tasks | None = None,
) -> Adapted:
    """Learn one task; see `Run.adapt`."""
    blank = Adapted(
        learner=learner,
        meta=meta,
        fast=None,
        form=None,
        kind=kind,
        orders=orders_for(learner, kind, orders),
        inputs=inputs,
        folder=folder,
        tasks=tasks,
    )
    support, classes, flat = examples(blank, x, y)
    form = tree_map(lambda leaf: leaf[:0], support.x)
    return learn(replace(blank, form=form, classes=classes, flat=flat, support=support))


def examples(
    task: Adapted, x: Any, y: Any, known: np.ndarray | None = None
) -> tuple[Examples, np.ndarray | None, bool]:
    """(rows as tensors, the classes that their labels stand for, whether targets came flat)."""
    if task.kind == "classification":
        labels = as_labels(y)
        classes = classes_of(labels, known)
        targets, flat = positions(labels, classes).to(numbers_of(task.meta)[1]), False
    else:
        classes = None
        if task.kind == "multilabel":
            targets, flat = as_flags(y, task.meta)
        else:
            targets, flat = as_targets(y, task.meta, task.inputs, none=task.learner.has_prior)
    made = as_rows(x, task.learner, task.meta, task.inputs)
    return Examples(made, targets, ways=None if classes is None else len(classes)), classes, flat


def learn(task: Adapted) -> Adapted:
    """The task, learnt from its support set."""
    learner, meta, support = task.learner, task.meta, task.support
    assert support is not None
    if hasattr(learner.method, "how_far") and support.ways == 1:
        assert task.classes is not None
        raise InputError(
            f"{learner.spec.algorithm} learns to tell classes apart, so it needs examples of two at "
            f"least, got only {task.classes[0]!s}; add another class, or use protonet.",
            f"{learner.spec.algorithm} 学习区分类别，至少需要两个类别的样本，只收到 {task.classes[0]!s}；"
            "请增加类别，或使用 protonet。",
        )
    with network_errors(learner, support.x):
        fast = learner.adapt(meta, support)
        places = None
        outputs = learner.predict(meta, fast, tree_map(lambda leaf: leaf[:1], support.x))
        if task.orders > 1:
            places = places_of(support.ways or 1, outputs.shape[1], task.orders)
            fast = adapt_in_orders(learner, meta, support, places)
    return replace(task, fast=fast, places=places, trust=None)


def orders_for(learner: Learner, kind: str, orders: int | None) -> int:
    """In how many orders to adapt: one where it makes no difference, else `ORDERS`."""
    if orders is not None and (not isinstance(orders, int) or orders < 1):
        raise InputError(
            f"orders must be a whole number of at least 1, got {orders!r}; 8 is a good many.",
            f"orders 必须是不小于 1 的整数，收到 {orders!r}；8 已足够多。",
        )
    if kind != "classification" or not depends_on_order(learner):
        return 1
    return orders or ORDERS


def columns(outputs: Tensor, classes: np.ndarray) -> Tensor:
    """The outputs that stand for the task's classes."""
    names = torch.zeros(1, dtype=torch.int64, device=outputs.device)
    return class_columns(outputs, Examples(names[:, None], names, ways=len(classes)))
