"""Experience: what a learner sees of an environment, in place of a support set's rows.

Letters: T tasks (one trial each), L steps of a trial, O numbers of an observation, A actions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Step(NamedTuple):
    """One step in one task; with a leading (T,) that of many, with (L, T) whole trials.

    observation (O,): before the action. action: () int64 of A, or (A,) numbers. reward (): of it.
    ended () bool: whether an episode ended by it. following (O,): what is observed next; after an
    end, how the next episode begins.
    """

    observation: Tensor
    action: Tensor
    reward: Tensor
    ended: Tensor
    following: Tensor


class Trials(NamedTuple):
    """T trials of at most L steps, every leaf (L, T, ...).

    steps: what happened. real: False after a trial's last episode has ended. episode: which episode
    of its trial a step belongs to.
    """

    steps: Step
    real: Tensor
    episode: Tensor

    def returns(self, episodes: int) -> Tensor:
        """(T, episodes) sum of the rewards of each episode.

        >>> zeros = torch.zeros(3, 1, 0)
        >>> step = Step(zeros, torch.zeros(3, 1), torch.ones(3, 1), torch.ones(3, 1).bool(), zeros)
        >>> trials = Trials(step, torch.ones(3, 1).bool(), torch.tensor([[0], [0], [1]]))
        >>> trials.returns(2)
        tensor([[2., 1.]])
        """
        rewards = torch.where(self.real, self.steps.reward, 0.0)
        total = rewards.new_zeros(episodes, rewards.shape[1])
        at = self.episode.clamp(max=episodes - 1)
        return total.scatter_add_(0, at, rewards).T

    @property
    def taken(self) -> int:
        """How many steps the environments took."""
        return int(self.real.sum())
