"""Evaluate a learner on new tasks, with the honest alternatives on the same episodes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from innerloop.arguments import checked
from innerloop.core import Meta
from innerloop.devices import device_of, place_of, to_device
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.baselines import Baseline, LeftOut, untrained_baselines
from innerloop.evaluation.judging import BATCH, score
from innerloop.evaluation.scores import Scores
from innerloop.language import say
from innerloop.likelihoods import Likelihood
from innerloop.outer import Learner
from innerloop.tasks import Tasks


class Trained(Protocol):
    """What has been learnt across tasks, and by what: a run, for example."""

    @property
    def learner(self) -> Learner: ...

    @property
    def meta(self) -> Meta: ...


Contender = Trained | tuple[Learner, Meta]
SLOW = 100  # a heavy baseline (`Learner.is_heavy`) is judged on this many of the episodes


@checked(baselines="{'mine': run}")
def evaluate(
    trained: Contender | Learner,
    *where: Any,
    episodes: int = 600,
    seed: int = 0,
    batch: int = BATCH,
    baselines: Mapping[str, Contender | LeftOut] | None = None,
    likelihood: Likelihood | None = None,
    progress: bool = False,
    device: str | None = None,
) -> Scores:
    """Adapt to the support set of `episodes` new tasks and be judged on their query sets.

    evaluate(run, stream) or evaluate(learner, meta, stream); the stream is `tasks.test`, say.
    Episode i of a seed is the same for every learner, so figures can be compared task by task.

    seed: names the test episodes; it has nothing to do with the seed of training.
    baselines: name -> (learner, meta) or run, judged on the same episodes (on the first 100 of
        them where it is slow, as convolutional networks are; its line says so). None: with a run, those that need no
        training (`untrained_baselines`); with a bare learner, none.
    likelihood: what outputs mean; by default the learner's own, else by the targets' type.
    progress: show a bar on stderr.
    device: where tasks are adapted to ("cuda"); None: where the weights are.

    >>> import torch, innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1), inner_lr=0.05, inner_steps=5)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> scores = evaluate(learner, meta, il.tasks.linear().test, episodes=20)
    >>> scores.metric, scores.episodes, scores.values.shape
    ('mse', 20, torch.Size([20]))
    """
    contender, stream = _arguments(trained, where)
    learner, meta = pair(contender)
    place = place_of(meta) if device is None else device_of(device)
    meta = to_device(meta, place)
    how: dict[str, Any] = {"seed": seed, "batch": batch, "progress": progress}
    scores = score(learner, meta, stream, episodes=episodes, likelihood=likelihood, **how)
    if baselines is None:
        tasks = getattr(contender, "tasks", None)
        baselines = (
            {} if tasks is None else untrained_baselines(learner, like(tasks, stream), place=place)
        )
    beside, left_out = {}, []
    for name, baseline in baselines.items():
        if isinstance(baseline, LeftOut):
            left_out.append(baseline.reason)
            continue
        rival, rival_meta = pair(baseline)
        rival_meta = to_device(rival_meta, place)
        count = min(episodes, SLOW) if rival.is_heavy else episodes
        note = getattr(baseline, "note", "")
        there = baseline.stream(stream) if isinstance(baseline, Baseline) else stream
        beside[name] = score(rival, rival_meta, there, episodes=count, note=note, **how)
    said = getattr(getattr(contender, "inputs", None), "notice", ())
    notice = say(*said) if said else ""
    return replace(scores, baselines=beside, left_out=tuple(left_out), notice=notice)


def like(tasks: Tasks, stream: Stream) -> Tasks:
    """The tasks with the ways and shots that the stream has, for choosing settings on them."""
    return tasks.replace(ways=stream.ways, shots=stream.shots)


def _arguments(trained: Any, where: tuple[Any, ...]) -> tuple[Contender, Stream]:
    if isinstance(trained, Learner) and len(where) == 2:
        trained, where = (trained, where[0]), where[1:]
    if isinstance(trained, Learner) or len(where) != 1 or not isinstance(where[0], Stream):
        got = ", ".join(type(argument).__name__ for argument in (trained, *where))
        raise InputError(
            f"evaluate takes (run, stream) or (learner, meta, stream), got ({got}); "
            "pass a stream such as tasks.test last.",
            f"evaluate 接受 (run, stream) 或 (learner, meta, stream)，收到 ({got})；"
            "请把 tasks.test 这样的流放在最后。",
        )
    return trained, where[0]


def pair(contender: Contender) -> tuple[Learner, Meta]:
    """(learner, meta) of a run or of such a pair."""
    if isinstance(contender, tuple):
        return contender
    if hasattr(contender, "learner") and hasattr(contender, "meta"):
        return contender.learner, contender.meta
    raise InputError(
        f"a contender is a run or a pair (learner, meta), got {type(contender).__name__}; "
        "pass what train or load returns.",
        f"参评者应为 run 或 (learner, meta)，收到的是 {type(contender).__name__}；"
        "请传入 train 或 load 返回的运行。",
    )
