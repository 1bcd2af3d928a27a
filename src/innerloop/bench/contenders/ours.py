"""This library, through its public interface: whatever path the learner takes, or a fixed one."""

from __future__ import annotations

from collections.abc import Callable

import torch

from innerloop import tasks
from innerloop.algorithms import ALGORITHMS
from innerloop.bench.contenders.ready import Ready
from innerloop.bench.contenders.torch_loop import LR
from innerloop.bench.material import Arrays, Problem, module_of
from innerloop.bench.workloads import Workload
from innerloop.core import Episodes, Examples, Meta
from innerloop.outer import Learner, Share, Totals, Way, Workers, paces
from innerloop.training import Course, initialise_model, plan_course, step
from innerloop.training.batches import Here
from innerloop.training.plan import ways_for

ENDLESS = 10**9


def can(workload: Workload, path: str = "") -> bool:
    return True


def setup(problem: Problem, path: str = "") -> Ready:
    learner = learner_of(problem)
    if path:
        learner = learner.on_path(path)
    meta, episodes = start(problem, learner), episodes_of(problem)

    def gradient() -> Arrays:
        grads = learner.gradient(meta, episodes).grads
        return {n: g.detach().contiguous().numpy().copy() for n, g in grads.items()}

    return Ready(gradient, stepper(problem, learner, meta, episodes), lambda: learner.path)


def learner_of(problem: Problem) -> Learner:
    """Queries are normalised by their own batch, as in all the other contenders."""
    workload = problem.workload
    if workload.takes_in_sets:
        return ALGORITHMS[workload.algorithm](inputs=1, targets=1, **workload.settings)
    module = module_of(problem)
    if workload.algorithm == "protonet":
        return ALGORITHMS["protonet"](module)
    return ALGORITHMS[workload.algorithm](
        module,
        inner_lr=workload.inner_lr,
        inner_steps=workload.inner_steps,
        transductive=True,
    )


def start(problem: Problem, learner: Learner) -> Meta:
    params, state = learner.init()
    given = {name: torch.from_numpy(value) for name, value in problem.weights.items()}
    return Meta({name: given[name].clone() for name in params}, state)


def episodes_of(problem: Problem) -> Episodes:
    xs, ys, xq, yq = map(torch.from_numpy, problem.tasks)
    return Episodes(support=Examples(xs, ys), query=Examples(xq, yq))


def stepper(
    problem: Problem, learner: Learner, meta: Meta, episodes: Episodes
) -> Callable[[], None]:
    """The training loop's own step, with the workers that it takes by itself: on the loop's own episodes
    where the workload is whole."""
    course = course_of(problem.workload, learner)
    layout, state = initialise_model(course)
    state = state._replace(weights=layout.pack(meta.params))
    share: Share = Here(course) if problem.workload.whole else given(learner, episodes)
    workers: Workers | None = None

    def advance() -> None:
        nonlocal state, workers
        if workers is None:  # the first step is the one in which everything is found out
            workers = Workers(*quickest(share, learner, meta, len(episodes)))
        state = step(course, layout, state, workers)

    return advance


def quickest(share: Share, learner: Learner, meta: Meta, tasks: int) -> Way:
    """As a run decides it."""
    most = min(tasks, torch.get_num_threads())
    ways = [Way(share, *way) for way in ways_for(learner, most)]
    if len(ways) == 1:
        return ways[0]
    seconds = paces(ways, meta, range(tasks))
    return ways[seconds.index(min(seconds))]


def given(learner: Learner, episodes: Episodes) -> Share:
    """The same tasks in every step."""

    def share(meta: Meta, step: int, tasks: range) -> Totals:
        some = episodes[tasks.start : tasks.stop]
        assert isinstance(some, Episodes)
        return learner.totals(meta, some, step=step)

    return share


def course_of(workload: Workload, learner: Learner) -> Course:
    family = tasks.sinusoids(shots=workload.support_rows, queries=workload.query_rows)
    return plan_course(
        learner,
        family,
        steps=ENDLESS,
        meta_batch=workload.tasks,
        lr=LR,
        optimiser="adam",
        schedule="constant",
        ways=None,
        shots=workload.support_rows,
        queries=workload.query_rows,
        validate_every=0,
    )
