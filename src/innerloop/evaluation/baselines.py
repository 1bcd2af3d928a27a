"""The honest alternatives: what one would have had without meta-learning, on the same episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from innerloop.algorithms import (
    finetune,
    nearest_centroid,
    nearest_neighbour,
    ridge,
    scratch,
)
from innerloop.core import Meta
from innerloop.devices import CPU, to_device
from innerloop.episodes import Stream
from innerloop.evaluation.judging import judge_stream, likelihood_for
from innerloop.language import say
from innerloop.models import MODELS, mlp, model_spec
from innerloop.models.network import Model
from innerloop.outer import Learner
from innerloop.tasks import Tasks

RATES = (0.003, 0.01, 0.03)  # of Adam, tried on validation tasks
STEPS = (10, 30, 100, 300)
STRENGTHS, LINES = (0.01, 0.1, 1.0, 10.0), 200  # of ridge, on so many validation tasks
SLOW_RATES, SLOW_STEPS = (0.01,), (10, 40)  # where tasks run one by one (large convolutions)


@dataclass(frozen=True)
class Baseline:
    """A learner to stand beside another; `note` says where its settings come from. tasks: the same tasks
    with the inputs that it looks at, None for those of the other."""

    learner: Learner
    meta: Meta
    note: str = ""
    tasks: Tasks | None = None

    def stream(self, stream: Stream) -> Stream:
        """Where its episodes come from: row for row those of this stream."""
        if self.tasks is None:
            return stream
        own = self.tasks.split(stream.name.rpartition("/")[2])
        return own.replace(ways=stream.ways, shots=stream.shots, queries=stream.queries)


@dataclass(frozen=True)
class LeftOut:
    """A baseline that cannot be built here, and why."""

    reason: str


def untrained_baselines(
    learner: Learner,
    tasks: Tasks,
    *,
    validation: int = 20,
    seed: int = 0,
    place: torch.device = CPU,
) -> dict[str, Baseline | LeftOut]:
    """What needs no meta-training: nearest neighbour and centroid on raw inputs, and the
    learner's own network from fresh random weights for every task.

    From scratch is given its best chance: Adam, with as many steps and the rate that do best on
    `validation` tasks of the validation split (half as many for large convolutional networks).
    """
    return {
        "from scratch": _from_scratch(learner, tasks, validation, seed, place),
        **_nearest(tasks, seed),
        **{name: _ridge(other, seed) for name, other in tasks.beside.items()},
    }


def pretrained_baselines(learner: Learner, tasks: Tasks) -> dict[str, Learner | LeftOut]:
    """What needs training on the meta-training tasks: the learner's network, pretrained on all of
    them at once and fine-tuned on a new task, whole or its output layer alone.

    Train each as long as the learner itself, `tuned` it on validation tasks, and hand it to
    `evaluate(..., baselines={name: it})`.
    """
    classes = getattr(tasks.train, "class_count", None)
    classifies = tasks.kind == "classification"
    if classifies and classes is None:
        reason = say(
            "fine-tuned is left out: these tasks do not say how many classes meta-training has.",
            "未列出微调：这些任务没有给出元训练的类别总数。",
        )
        return {"fine-tuned": LeftOut(reason)}
    model = network_for(learner, None if classifies else tasks.outputs, tasks)
    if model is None:
        return {"fine-tuned": _cannot_rebuild("fine-tuned", "微调")}
    return {
        "fine-tuned": finetune(model, classes=classes if classifies else None, moves="all"),
        "fine-tuned head": finetune(model, classes=classes if classifies else None, moves="head"),
    }


def tuned(
    learner: Learner,
    meta: Meta,
    stream: Stream,
    *,
    steps: Sequence[int] | None = None,
    rates: Sequence[float] | None = None,
    episodes: int = 20,
    seed: int = 0,
) -> Baseline:
    """The learner with the inner steps and rate that score best on these validation tasks.

    steps, rates: what is tried; by default what suits a descent by Adam.
    """
    slow = learner.is_heavy
    count = max(1, episodes // 2) if slow else episodes
    few = stream.sample(seed, 0, 1).query
    sign = -1 if likelihood_for(learner, few).metric == "accuracy" else 1  # errors should be small
    tried: dict[tuple[int, float], tuple[float, float]] = {}
    steps = steps or (SLOW_STEPS if slow else STEPS)
    for rate in rates or (SLOW_RATES if slow else RATES):
        candidate = learner.replace(inner_lr=rate)
        each = judge_stream(candidate, meta, stream, episodes=count, seed=seed, steps=steps)
        for k, judged in zip(steps, each, strict=True):
            tried[k, rate] = sign * float(judged.values.mean()), float(judged.nll.mean())
    best, rate = min(tried, key=tried.__getitem__)
    note = say(
        f"{best} steps at {rate}, best on {count} validation tasks",
        f"{best} 步，学习率 {rate}，在 {count} 个验证任务上最佳",
    )
    return Baseline(learner.replace(inner_steps=best, inner_lr=rate), meta, note)


def network_for(learner: Learner, outputs: int | None, tasks: Tasks) -> Model | None:
    """The learner's network with this many outputs (None: features), or None if only its author
    could rebuild it so. A built-in model is made anew; another is taken as it is where it fits."""
    model: Model | None = learner.spec.model
    spec = model_spec(model) if isinstance(model, nn.Module) else None
    if spec is not None and spec.name in MODELS:
        return MODELS[spec.name](**{**spec.settings, "outputs": outputs})
    takes_in_a_set = "targets" in learner.spec.settings  # its model, if any, gives features
    if model is None and takes_in_a_set and len(tasks.input_shape) == 1:
        return mlp(tasks.input_shape[0], outputs)
    headless = takes_in_a_set or (learner.suggestions.encoder and tasks.kind == "classification")
    return model if headless == (outputs is None) else None


def _from_scratch(
    learner: Learner, tasks: Tasks, validation: int, seed: int, place: torch.device
) -> Baseline | LeftOut:
    model = network_for(learner, tasks.outputs, tasks)
    if model is None:
        return _cannot_rebuild("from scratch", "从零训练")
    fresh = scratch(model)
    meta = to_device(fresh.init(Generator().manual_seed(seed)), place)
    return tuned(fresh, meta, tasks.validation, episodes=validation, seed=seed)


def _nearest(tasks: Tasks, seed: int) -> Mapping[str, Baseline | LeftOut]:
    x = tasks.validation.sample(seed, 0, 1).support.x
    if not isinstance(x, Tensor) or not torch.is_floating_point(x):
        reason = say(
            "nearest neighbour is left out: inputs that are not one tensor of numbers have no "
            "distance.",
            "未列出最近邻：输入不是单个数值张量，没有距离可言。",
        )
        return {"nearest neighbour": LeftOut(reason)}
    found = {"nearest neighbour": nearest_neighbour()}
    if tasks.kind == "classification":
        found["nearest centroid"] = nearest_centroid()
    note = say("on raw inputs", "基于原始输入")
    return {name: Baseline(learner, learner.init(), note) for name, learner in found.items()}


def _ridge(tasks: Tasks, seed: int) -> Baseline:
    """A line through these inputs, its strength chosen on validation tasks."""
    found: dict[float, float] = {}
    for strength in STRENGTHS:
        line = ridge(strength=strength)
        [judged] = judge_stream(line, line.init(), tasks.validation, episodes=LINES, seed=seed)
        found[strength] = float(judged.values.mean())
    best = min(found, key=found.__getitem__)
    chosen = ridge(strength=best)
    note = say(
        f"ridge, strength {best:g}, best on {LINES} validation tasks",
        f"岭回归，强度 {best:g}，在 {LINES} 个验证任务上最佳",
    )
    return Baseline(chosen, chosen.init(), note, tasks)


def _cannot_rebuild(en: str, zh: str) -> LeftOut:
    return LeftOut(
        say(
            f"{en} is left out: it needs this network with another output layer; use a built-in "
            "model (innerloop.models), or pass the baseline yourself.",
            f"未列出{zh}：需要换一个输出层的同一网络；请使用内置模型（innerloop.models），"
            "或自行传入该基线。",
        )
    )
