"""What stands beside a run: untrained alternatives, and its network pretrained and fine-tuned."""

from __future__ import annotations

import functools
import warnings

from innerloop.adapted import Run, load, train
from innerloop.algorithms import ALGORITHMS
from innerloop.devices import place_of
from innerloop.evaluation.baselines import (
    Baseline,
    LeftOut,
    pretrained_baselines,
    tuned,
    untrained_baselines,
)
from innerloop.language import say
from innerloop.outer import Learner
from innerloop.tasks import Tasks
from innerloop.training.files import CannotWrite

Beside = dict[str, Baseline | LeftOut]
VALIDATIONS, EPISODES = 3, 20  # of pretraining: each adapts by many steps, which takes its time


def baselines_for(run: Run, tasks: Tasks, *, pretrained: bool = True) -> Beside:
    """The honest alternatives to a run, ready for the tasks that it is judged on.

    Their steps and rates are chosen on meta-validation tasks. The pretrained network sees the
    run's meta-training tasks for as many outer steps as the run took (at most as many as
    fine-tuning suggests); it is trained once and kept with the run, in `baselines/finetune`.
    """
    if run.learner.spec.algorithm in {"scratch", "nearest_neighbour", "nearest_centroid"}:
        pretrained = False
    beside = untrained_baselines(run.learner, tasks, place=place_of(run.meta))
    if not pretrained or run.tasks is None:
        return beside
    ready: Beside = {}
    learnt: Run | None = None
    for name, learner in pretrained_baselines(run.learner, run.tasks).items():
        if isinstance(learner, LeftOut):
            ready[name] = learner
            continue
        learnt = learnt or pretrain(run, learner)
        moves = learner.spec.settings["moves"]
        ready[name] = tuned(learnt.learner.replace(moves=moves), learnt.meta, tasks.validation)
    return {**ready, **beside}


def pretrain(run: Run, learner: Learner) -> Run:
    """The network pretrained on the run's tasks: from the run's folder if it is there already."""
    folder = run.folder and run.folder / "baselines" / "finetune"
    if folder is not None and (folder / "meta.safetensors").is_file():
        kept = load(folder)
        if kept.verdict is not None:
            return kept.to(str(place_of(run.meta)))
    assert run.tasks is not None
    asked = run.settings.get("training", {})
    classifies = run.tasks.kind == "classification"
    steps = min(run.steps, ALGORITHMS["finetune"].suggestions.steps)  # type: ignore[attr-defined]
    learn = functools.partial(
        train,
        learner.replace(moves="all"),
        run.tasks,
        steps=steps,
        validate_every=-(-steps // VALIDATIONS),
        validation_episodes=EPISODES,
        meta_batch=None if classifies else asked.get("meta_batch"),
        seed=asked.get("seed", 0),
        device=str(place_of(run.meta)),
    )
    try:
        return learn(out=folder, resume=folder is not None and (folder / "settings.json").is_file())
    except CannotWrite as error:
        warnings.warn(
            say(
                f"{error} The fine-tuned baseline is kept in memory this time, and trained again "
                "the next time.",
                f"{error}本次将微调基线保存在内存中，下次会重新训练。",
            ),
            stacklevel=2,
        )
        return learn()
