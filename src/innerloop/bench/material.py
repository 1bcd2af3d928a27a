"""The same weights and data for every contender: numpy arrays, drawn from a seed."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator, default_rng
from torch import nn

from innerloop.algorithms import ALGORITHMS
from innerloop.bench.workloads import Workload
from innerloop.models import MODELS

Arrays = dict[str, np.ndarray]


class Tasks(NamedTuple):
    """T tasks: x (T, S, ...) and (T, Q, ...); y of classes (T, S), of numbers (T, S, 1)."""

    support_x: np.ndarray
    support_y: np.ndarray
    query_x: np.ndarray
    query_y: np.ndarray


class Problem(NamedTuple):
    """A workload, where its weights begin, and its tasks."""

    workload: Workload
    weights: Arrays  # by the names and in the layout of the torch module
    tasks: Tasks
    seed: int

    @property
    def precision(self) -> str:
        return next(iter(self.weights.values())).dtype.name

    def batches(self) -> Iterator[Tasks]:
        """The tasks of each step: drawn anew if the workload is a whole step, else the same."""
        rng = default_rng(self.seed + 1)
        while True:
            whole = self.workload.whole
            yield draw_tasks(self.workload, rng, self.precision) if whole else self.tasks


def problem(workload: Workload, seed: int = 0, precision: str = "float32") -> Problem:
    """
    >>> from innerloop.bench.workloads import workload
    >>> problem(workload("gru")).tasks.query_x.shape
    (8, 25, 16, 8)
    """
    weights = draw_weights(workload, default_rng(seed), precision)
    return Problem(workload, weights, draw_tasks(workload, default_rng(seed), precision), seed)


def fresh_module(workload: Workload) -> nn.Module:
    """The network with weights that torch draws; a prototypical one has no output layer."""
    if workload.takes_in_sets:
        learner = ALGORITHMS[workload.algorithm](inputs=1, targets=1, **workload.settings)
        return copy.deepcopy(learner.method.network.module)  # type: ignore[attr-defined, no-any-return]
    outputs = {"protonet": None}.get(workload.algorithm, workload.ways or 1)
    return MODELS[workload.model](outputs=outputs, **workload.settings)


def module_of(problem: Problem) -> nn.Module:
    """The network with the problem's weights, in its precision."""
    module = fresh_module(problem.workload).to(getattr(torch, problem.precision))
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.from_numpy(problem.weights[name]))
    return module


def draw_weights(workload: Workload, rng: Generator, precision: str) -> Arrays:
    """Matrices and filters by their fan-in; scales about one and shifts about zero."""
    drawn = {}
    for name, parameter in fresh_module(workload).named_parameters():
        shape = tuple(parameter.shape)
        if len(shape) > 1:
            far = 1 / math.sqrt(math.prod(shape[1:]))
            value = rng.uniform(-far, far, shape)
        else:
            value = float(name.endswith("weight")) + 0.1 * rng.standard_normal(shape)
        drawn[name] = value.astype(precision)
    return drawn


def draw_tasks(workload: Workload, rng: Generator, precision: str) -> Tasks:
    draw = draw_sinusoids if workload.ways is None else draw_classes
    tasks = draw(workload, rng)
    kept = (a if a.dtype.kind == "i" else a.astype(precision) for a in tasks)
    return Tasks(*kept)


def draw_sinusoids(workload: Workload, rng: Generator) -> Tasks:
    """y = A sin(x - p), as the library's own family draws them."""
    amplitude = rng.uniform(0.1, 5.0, (workload.tasks, 1, 1))
    phase = rng.uniform(0.0, math.pi, (workload.tasks, 1, 1))
    support = rng.uniform(-5, 5, (workload.tasks, workload.support_rows, 1))
    query = rng.uniform(-5, 5, (workload.tasks, workload.query_rows, 1))
    return Tasks(
        support, amplitude * np.sin(support - phase), query, amplitude * np.sin(query - phase)
    )


def draw_classes(workload: Workload, rng: Generator) -> Tasks:
    """A random centre for each class of each task, and rows about it."""
    centres = rng.standard_normal((workload.tasks, workload.ways or 1, *workload.inputs))

    def rows(each: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.tile(np.arange(workload.ways or 1), (workload.tasks, each))
        x = centres[np.arange(workload.tasks)[:, None], y]
        return x + 0.8 * rng.standard_normal(x.shape), y

    return Tasks(*rows(workload.shots), *rows(workload.queries))
