"""Our environments as gymnasium knows environments: numpy in, numpy out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from torch import Generator, Tensor

from innerloop.errors import InputError
from innerloop.tree import Tree, rows

if TYPE_CHECKING:
    from innerloop.reinforcement.environments.distribution import TaskDistribution, World


class TensorVectorEnv(VectorEnv):
    """`num_envs` environments with a task each, stepped together as tensors.

    Every `reset` with a seed draws tasks anew; `set_task` chooses them. A sub-environment whose
    episode is over begins again in the step after it (gymnasium's next-step autoreset).
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012

    def __init__(self, tasks: TaskDistribution, num_envs: int, seed: int = 0):
        self.tasks, self.world, self.num_envs = tasks, tasks.world, num_envs
        self.single_observation_space, self.single_action_space = spaces_of(tasks.world)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._begin(seed)

    def _begin(self, seed: int) -> None:
        self._generator = Generator().manual_seed(seed)
        self.set_task(self.world.sample(self.num_envs, self._generator))

    def sample_task(self) -> Tree:
        """One task for each sub-environment."""
        return self.world.sample(self.num_envs, self._generator)

    def set_task(self, task: Tree) -> None:
        """Let the sub-environments have these tasks, every leaf (num_envs, ...), and begin anew."""
        if rows(task) != self.num_envs:
            raise InputError(
                f"set_task takes one task for each environment: there are {self.num_envs}, got "
                f"{rows(task)}; draw them by sample_task().",
                f"set_task 需要为每个环境给出一个任务：环境有 {self.num_envs} 个，收到 {rows(task)} 个；"
                "请用 sample_task() 抽取。",
            )
        self.task = task
        self._state = self.world.begin(task, self._generator)
        self._clock = torch.zeros(self.num_envs, dtype=torch.int64)
        self._over = torch.zeros(self.num_envs, dtype=torch.bool)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        if isinstance(seed, list | tuple):
            seed = seed[0]
        if seed is not None:
            self._begin(int(seed))
        else:
            self.set_task(self.task)
        return self._observed(), {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        again = self._over
        action = torch.as_tensor(np.asarray(actions))
        if self.world.continuous:
            action = action.float()
        outcome = self.world.step(self.task, self._state, action, self._generator)
        begun = self.tasks.begin_again(self.task, outcome.state, again, self._generator)
        self._state = begun
        self._clock = torch.where(again, 0, self._clock + 1)
        reward = torch.where(again, 0.0, outcome.reward)
        terminated = outcome.over & ~again
        truncated = (self._clock >= self.world.horizon) & ~terminated & ~again
        self._over = terminated | truncated
        return (
            self._observed(),
            reward.double().numpy(),
            terminated.numpy(),
            truncated.numpy(),
            {},
        )

    def _observed(self) -> Any:
        return shown(self.world, self.world.observe(self.task, self._state))

    def close_extras(self, **_: Any) -> None:
        pass


class TensorEnv(gymnasium.Env):
    """One environment of a distribution; `reset(seed=...)` draws its task, `set_task` chooses it."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, tasks: TaskDistribution, seed: int = 0):
        self._many = TensorVectorEnv(tasks, 1, seed)
        self.observation_space = self._many.single_observation_space
        self.action_space = self._many.single_action_space

    def sample_task(self) -> Tree:
        return self._many.sample_task()

    def set_task(self, task: Tree) -> None:
        """Have this task, every leaf with a leading 1."""
        self._many.set_task(task)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        observed, _ = self._many.reset(seed=seed)
        return observed[0].copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observed, reward, terminated, truncated, _ = self._many.step(np.asarray(action)[None])
        return observed[0].copy(), float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}


def spaces_of(world: World) -> tuple[spaces.Space[Any], spaces.Space[Any]]:
    """(of observations, of actions). Where nothing is observed there is a single zero."""
    seen = spaces.Box(-world.reach, world.reach, (max(1, world.observations),), np.float32)
    if world.continuous:
        return seen, spaces.Box(-1.0, 1.0, (world.actions,), np.float32)
    return seen, spaces.Discrete(world.actions)


def shown(world: World, observed: Tensor) -> Any:
    """(T, O) as numpy; (T, 1) zeros where nothing is observed."""
    if not world.observations:
        observed = observed.new_zeros(len(observed), 1)
    return observed.float().clamp(-world.reach, world.reach).numpy().copy()
