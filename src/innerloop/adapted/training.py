"""`train`: a learner meets tasks, and a run comes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from innerloop.adapted.keeper import Keeper
from innerloop.adapted.run import Run
from innerloop.arguments import checked
from innerloop.episodes import Span
from innerloop.errors import InputError
from innerloop.outer import Alone, Learner, LostRank, Workers, ranks_here
from innerloop.outer.memory import bytes_of, in_chunks
from innerloop.tasks import Tasks
from innerloop.training import Optimiser, State, Verdict, plan_course, rounds
from innerloop.training.batches import Here
from innerloop.training.control import Schedule
from innerloop.training.course import EPISODES, LEAST, check
from innerloop.training.folder import RunFolder
from innerloop.training.interruption import interruptible
from innerloop.training.plan import sentence
from innerloop.training.progress import TaskFacts, progress_of, tell

SAVE_EVERY = 20.0  # seconds between checkpoints, where no number of steps is asked for


@checked(
    learner="il.maml(model)",
    tasks="il.tasks.digits()",
    out="'runs/first'",
    optimiser="'adam'",
    memory="'4GB'",
    schedule="'cosine'",
    **{name: repr(usual) for name, (_, usual) in LEAST.items()},
)
def train(
    learner: Learner,
    tasks: Tasks,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    meta_batch: int | None = None,
    lr: float | None = None,
    optimiser: str | Optimiser | None = None,
    schedule: str | Schedule | None = None,
    clip: float | None = None,
    ema: float | None = None,
    patience: int | None = None,
    target: float | None = None,
    ways: Span | None = None,
    shots: Span | None = None,
    queries: Span | None = None,
    validate_every: int | None = None,
    validation_episodes: int = EPISODES,
    save_every: int | None = None,
    workers: int | None = None,
    memory: str | None = None,
    seed: int = 0,
    device: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> Run:
    """Meta-train a learner on `tasks.train`, judging it now and then on `tasks.validation`.

    What is left at None follows the paper of the algorithm (`learner.suggestions`).

    steps, minutes: the budget; with both, whichever is spent first. meta_batch: tasks per step.
    lr: learning rate of the outer loop, varied by `schedule` ("constant", "linear", "cosine",
        "plateau", or one made by a function of that name). optimiser: "adam", "adamw", "sgd", or
        one made by such a function. clip: longest meta-gradient (global norm).
    ema: share of the old in a moving average of the weights, which is then validated and kept.
    patience: stop after so many validations without a better metric. target: stop when the metric
        (accuracy or MSE) reaches this value.
    ways, shots, queries: of training episodes, where they differ from the test's.
    validate_every: steps between validations, 0 for none; by default a tenth of the steps.
    save_every: steps between checkpoints; by default about 20 seconds pass.
    Started by torchrun, the processes share each step's tasks, and the first of them writes and speaks.
    workers: processes of one thread that share each step's tasks, this one among them; by default
        one or as many as torch would use threads, whichever a few steps show to be faster (in a
        run of less than 200 steps: many for a convolutional network, one for a small one). The
        result is the same but for rounding (and, with dropout, for what is dropped).
    memory: that a step may take ("4GB"), by default what the machine has free: as many tasks are
        taken at once as fit into it, measured on the first two. It changes the result as workers do.
        Where not even one fits, only as many of its last inner steps are differentiated as do
        (`through=il.truncated(...)`): another gradient, of which a warning tells.
    seed: of the weights, where a function builds the network, and of the training episodes.
    device: where it learns ("cuda", "cuda:1", "mps"); None for the processor.
    out: the run's folder; None keeps the run in memory. resume: go on with the run in `out`, if
        there is one: bit for bit as if it had never stopped, where the budget is in steps. A
        larger budget (steps, minutes, patience, another target) extends it.
    progress: True shows a bar, False nothing; None a bar on a terminal, else a line now and then.

    The result, `run.meta`, is the latest that validates as well as the best (within a standard
    error), or the last where nothing was validated.
    Ctrl-C ends the run after the step in hand, saves it, and returns `Verdict.INTERRUPTED`.

    >>> import innerloop as il
    >>> learner = il.maml(il.models.mlp(1, 1, hidden=8), inner_lr=0.01)
    >>> run = train(learner, il.tasks.sinusoids(), steps=3, meta_batch=2, validation_episodes=5)
    >>> run.steps, run.verdict.name
    (3, 'OUT_OF_STEPS')
    """
    course = plan_course(
        learner,
        tasks,
        steps=steps,
        minutes=minutes,
        meta_batch=meta_batch,
        lr=lr,
        optimiser=optimiser,
        schedule=schedule,
        clip=clip,
        ema=ema,
        patience_for=patience,
        target_metric=target,
        ways=ways,
        shots=shots,
        queries=queries,
        validate_every=validate_every,
        validation_episodes=validation_episodes,
        seed=seed,
        device=device,
    )
    check(save_every=save_every, workers=workers)
    if memory is not None:
        bytes_of(memory)
    if resume and out is None:
        raise InputError(
            "resume needs the folder of the run; say which one with --out.",
            "继续运行需要其文件夹；请用 --out 指明。",
        )
    with ranks_here() as ranks:
        if ranks.rank > 0:  # another process writes and speaks
            out, progress = None, False
        folder = None if out is None else folder_at(out)
        if folder is not None:
            folder.check_free()
        place = nullcontext() if folder is None else folder.alone()
        with without_empty_parents(folder), place, unbegun_is_undone(folder):
            keeper = Keeper.open(
                course, tasks, folder, resume or ranks.again, workers, memory, ranks.size
            )
            keeper = keeper.agreed(ranks)
            state = go(keeper, ranks, save_every, progress)
            return keeper.close(state, tasks)


def folder_at(out: str | os.PathLike[str]) -> RunFolder:
    if not os.fspath(out).strip():
        raise InputError(
            f"--out must name a folder, got {os.fspath(out)!r}; write runs/first, say.",
            f"--out 必须是文件夹名称，收到 {os.fspath(out)!r}；例如 runs/first。",
        )
    return RunFolder(Path(out))


@contextmanager
def without_empty_parents(folder: RunFolder | None) -> Iterator[None]:
    """Folders that were made on the way to one that is not needed after all go again."""
    new = [] if folder is None else [p for p in folder.path.parents if not p.exists()]
    try:
        yield
    except Exception:
        with suppress(OSError):  # one that holds something stays
            for parent in new:
                parent.rmdir()
        raise


@contextmanager
def unbegun_is_undone(folder: RunFolder | None) -> Iterator[None]:
    """A new run that fails before its first step leaves no folder behind."""
    new = folder is not None and not folder.exists
    try:
        yield
    except Exception:
        if new and folder is not None and not folder.begun:
            folder.discard()
        raise


def go(keeper: Keeper, ranks: Alone, save_every: int | None, progress: bool | None) -> State:
    """Round after round, showing and saving; the state in which the run ended."""
    state, saved, clock = keeper.start, keeper.start.step, time.monotonic()
    if state.verdict is not None:
        return state
    course = keeper.course
    some = in_chunks(Here(course), keeper.plan["at_once"])
    with (
        interruptible() as interrupted,
        Workers(some, keeper.plan["workers"], keeper.plan["threads"]) as own,
        progress_of(course, TaskFacts(course, state), progress) as shown,
    ):
        share = ranks.share(own, interrupted)
        try:
            for state in rounds(course, keeper.layout, keeper.start, share, ranks):
                keeper.note(state)
                if state.step == keeper.start.step + 1:  # now the path is known
                    tell(*sentence({**keeper.plan, "path": course.learner.path}), progress)
                shown.show(state)
                if ranks.interrupted():
                    break
                if due(state.step - saved, save_every, time.monotonic() - clock):
                    keeper.save(state)
                    saved, clock = state.step, time.monotonic()
        except KeyboardInterrupt:
            pass  # outside the main thread, or by a second Ctrl-C: the last whole step counts
        except LostRank:
            keeper.save(state)
            raise
        keeper.save(state)
    if state.verdict is None:
        state = state._replace(verdict=Verdict.INTERRUPTED)
    return state


def due(steps: int, save_every: int | None, seconds: float) -> bool:
    return seconds >= SAVE_EVERY if save_every is None else steps >= save_every
