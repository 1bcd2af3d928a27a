"""Small streams and learners whose scores are known beforehand."""

from dataclasses import dataclass
from typing import Any

import torch

from innerloop.core import Episodes, Examples, Meta
from innerloop.episodes import Stream
from innerloop.outer import algorithm

NOTHING = Meta({}, {})


@dataclass(frozen=True, kw_only=True)
class Directions(Stream):
    """Class k is e_k plus noise in `ways` dimensions: the largest number names the class.

    pad: rows of nan and of no class behind every query set, with a mask that hides them.
    """

    name: str = "directions/test"
    shots: int = 2
    queries: int = 3
    ways: int = 4
    noise: float = 0.1
    pad: int = 0

    def draw(self, draws):
        support, query = self.rows(draws, self.shots), self.rows(draws, self.queries)
        if self.pad:
            tasks, rows = query.y.shape
            x = torch.full((tasks, self.pad, self.ways), torch.nan)
            y = torch.full((tasks, self.pad), -1)
            mask = (torch.arange(rows + self.pad) < rows).expand(tasks, -1)
            query = Examples(torch.cat([query.x, x], 1), torch.cat([query.y, y], 1), mask)
        return Episodes(support, query, task=torch.from_numpy(draws.episodes))

    def rows(self, draws, each):
        y = torch.arange(self.ways).repeat(each).expand(len(draws), -1)  # (T, S)
        noise = draws.uniform(each * self.ways, self.ways, high=self.noise)
        return Examples(torch.nn.functional.one_hot(y, self.ways) + noise, y, ways=self.ways)


@dataclass(frozen=True)
class Rule:
    """A learner that knows `answer(support, x)` already."""

    answer: Any

    def init(self, generator=None):
        return NOTHING

    def adapt(self, meta, support, *, generator=None):
        return support

    def predict(self, meta, fast, x):
        return self.answer(fast, x)

    def task_loss(self, meta, episode, generator=None):
        raise NotImplementedError


@algorithm()
def rule(answer):
    return Rule(answer)


@algorithm()
def renamed(answer):
    return Rule(answer)


perfect = rule(lambda support, x: 50 * x)
constant = rule(lambda support, x: torch.eye(x.shape[-1])[:1].expand(len(x), -1))
undecided = rule(lambda support, x: torch.zeros_like(x))
