"""A user's own gymnasium environment, whose task can be set."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.errors import InputError, MissingExtra
from innerloop.reinforcement.environments.distribution import Outcome, TaskDistribution, check_whole
from innerloop.reinforcement.environments.keeper import Keeper, Worker
from innerloop.tasks.function import imported
from innerloop.tree import Tree


@dataclass(frozen=True, eq=False)
class Own:
    """task: numbers (T, ...), as `set_task` takes them. state: what is observed, (T, O).

    The environments themselves are kept by number; they hold what a state leaves out.
    """

    sample_task: Callable[[Any], Any]
    observation_space: Any
    action_space: Any
    horizon: int
    keepers: tuple[Keeper | Worker, ...]
    observations: int
    actions: int
    continuous: bool
    at_once: int = 64  # of them in a phase, where nobody says
    reach: float = float("inf")
    name: str = field(default="environment")

    @property
    def lost(self) -> int:
        """How often a worker died and was started again."""
        return sum(getattr(keeper, "lost", 0) for keeper in self.keepers)

    def sample(self, tasks: int, generator: Generator) -> Tree:
        import numpy

        rng = numpy.random.default_rng(_seed(generator))
        drawn = [self.sample_task(rng) for _ in range(tasks)]
        try:
            return torch.as_tensor(numpy.stack([numpy.asarray(one, float) for one in drawn]))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"sample_task must give a number or numbers of one shape, got {drawn[0]!r}; return "
                "an array that set_task understands.",
                f"sample_task 必须返回一个数或形状相同的数组，收到 {drawn[0]!r}；请返回 set_task 能理解的数组。",
            ) from error

    def begin(self, task: Tree, generator: Generator) -> Tree:
        jobs = [
            (i, "begin", (one.numpy() if one.dim() else one.item(), _seed(generator)))
            for i, one in enumerate(task)
        ]
        return self._seen(self._do(jobs, task))

    def observe(self, task: Tree, state: Tree) -> Tensor:
        return state  # type: ignore[no-any-return]

    def step(self, task: Tree, state: Tree, action: Tensor, generator: Generator) -> Outcome:
        jobs = [(i, "step", self._action(one)) for i, one in enumerate(action)]
        observed, rewards, over = zip(*self._do(jobs, task), strict=True)
        return Outcome(self._seen(list(observed)), torch.tensor(rewards), torch.tensor(over))

    def begin_again(self, task: Tree, state: Tree, over: Tensor, generator: Generator) -> Tree:
        numbers = over.nonzero()[:, 0].tolist()
        jobs = [(i, "begin", (None, _seed(generator))) for i in numbers]
        state = state.clone()
        if jobs:
            state[numbers] = self._seen(self._do(jobs, task))
        return state

    def _do(self, jobs: list[tuple[int, str, Any]], task: Tree) -> list[Any]:
        """Each keeper its share; what a dead one was doing is begun anew, its episode over."""
        first = self.keepers[0]
        if isinstance(first, Keeper):
            return first.do(jobs)
        many = len(self.keepers)
        shares = [[job for job in jobs if job[0] % many == w] for w in range(many)]
        for worker, share in zip(self.keepers, shares, strict=True):
            worker.send(share)  # type: ignore[union-attr]
        found: dict[int, Any] = {}
        for w, (worker, share) in enumerate(zip(self.keepers, shares, strict=True)):
            results = worker.receive()  # type: ignore[union-attr]
            while results is None:
                results = self._revived(worker, w, share, task)
            found |= {job[0]: result for job, result in zip(share, results, strict=True)}
        return [found[job[0]] for job in jobs]

    def _revived(self, worker: Any, w: int, share: list[Any], task: Tree) -> list[Any] | None:
        """The results of a share whose worker died: every environment of it is begun in its task."""
        numbers = range(w, len(task), len(self.keepers))
        anew = [
            (i, "begin", (task[i].numpy() if task[i].dim() else task[i].item(), i)) for i in numbers
        ]
        worker.send(anew)
        begun = worker.receive()
        if begun is None:
            return None
        seen = dict(zip(numbers, begun, strict=True))
        return [seen[i] if what == "begin" else (seen[i], 0.0, True) for i, what, _ in share]

    def _seen(self, observed: list[Any]) -> Tensor:
        import numpy
        from gymnasium.spaces import flatten

        rows: list[Any] = [flatten(self.observation_space, one) for one in observed]
        return torch.as_tensor(numpy.stack(rows)).float()

    def _action(self, action: Tensor) -> Any:
        if not self.continuous:
            return int(action) + int(self.action_space.start)
        low, high = self.action_space.low, self.action_space.high
        share = (action.detach().numpy().clip(-1, 1).reshape(low.shape) + 1) / 2
        return (low + share * (high - low)).astype(low.dtype)


def _seed(generator: Generator) -> int:
    return int(torch.randint(2**31 - 1, (), generator=generator))


def environment(
    make: Callable[[], Any],
    *,
    set_task: Callable[[Any, Any], Any],
    sample_task: Callable[[Any], Any],
    horizon: int | None = None,
    trial_episodes: int = 1,
    workers: int = 0,
    name: str = "environment",
) -> TaskDistribution:
    """Tasks of any gymnasium environment: `make()` gives one, `set_task(env, task)` sets its task.

    sample_task(rng) draws a task, a number or an array, from a numpy generator. horizon: steps after
    which an episode ends; without it that of `gymnasium.make`'s time limit. workers: processes among
    which environments are shared, 0 for none; one that dies is started again and counted (`lost`).
    Observations are flattened, and actions within a box are scaled to [-1, 1]. Needs innerloop[rl].

    >>> import gymnasium
    >>> def longer(env, length): env.unwrapped.length = length
    >>> tasks = environment(lambda: gymnasium.make("CartPole-v1"), set_task=longer,
    ...                     sample_task=lambda rng: rng.uniform(0.2, 2.0), trial_episodes=2)
    >>> tasks.world.observations, tasks.world.actions, tasks.steps
    (4, 2, 1000)
    """
    try:
        from gymnasium import spaces
    except ImportError as error:
        raise MissingExtra("rl", "gymnasium's environments") from error
    check_whole("trial_episodes", trial_episodes)
    check_whole("workers", workers, 0)
    one = make()
    sees, does = one.observation_space, one.action_space
    limit = getattr(getattr(one, "spec", None), "max_episode_steps", None)
    one.close()
    if horizon is None and limit is None:
        raise InputError(
            f"an episode of {name} may never end; say after how many steps it does with horizon=200.",
            f"{name} 的一个回合可能永不结束；请用 horizon=200 指明多少步后结束。",
        )
    steps = int(limit) if horizon is None else horizon  # type: ignore[arg-type]
    check_whole("horizon", steps)
    chooses = isinstance(does, spaces.Discrete)
    if not chooses and not (isinstance(does, spaces.Box) and does.is_bounded()):
        raise InputError(
            f"actions must be a Discrete space or a bounded Box, got {does}; wrap the environment so.",
            f"动作空间必须是 Discrete 或有界的 Box，收到 {does}；请相应地包装环境。",
        )
    if not sees.is_np_flattenable:
        raise InputError(
            f"observations must be of one size, got {sees}; wrap the environment so.",
            f"观测必须大小固定，收到 {sees}；请相应地包装环境。",
        )
    keepers: tuple[Keeper | Worker, ...] = (Keeper(make, set_task),)
    if workers:
        keepers = tuple(Worker(make, set_task) for _ in range(workers))
    world = Own(
        sample_task=sample_task,
        observation_space=sees,
        action_space=does,
        horizon=steps,
        keepers=keepers,
        observations=spaces.flatdim(sees),
        actions=int(does.n) if chooses else spaces.flatdim(does),
        continuous=not chooses,
        name=name,
    )
    settings = {"horizon": steps, "trial_episodes": trial_episodes}
    return TaskDistribution(name, world, settings, trial_episodes)


OWN = "environment:"


def named(reference: str) -> Callable[..., TaskDistribution]:
    """What "environment:package.module:function" makes, under that name, by which a run finds it again."""
    function = imported(reference.removeprefix(OWN))

    @functools.wraps(function)
    def construct(*, trial_episodes: int | None = None, **settings: Any) -> TaskDistribution:
        made = function(**settings)
        if not isinstance(made, TaskDistribution):
            raise InputError(
                f"{reference} must return tasks of environments, got {type(made).__name__}; return "
                "what il.reinforcement.environment(...) gives.",
                f"{reference} 必须返回环境任务，收到 {type(made).__name__}；请返回 "
                "il.reinforcement.environment(...) 的结果。",
            )
        made = made.replace(trial_episodes=trial_episodes)
        settings = {**settings, "trial_episodes": made.trial_episodes}
        return replace(made, name=reference, settings=settings)

    construct.trial_episodes = 1  # type: ignore[attr-defined]
    return construct
