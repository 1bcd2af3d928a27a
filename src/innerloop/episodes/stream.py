"""An endless stream of episodes, addressable by (seed, index)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from innerloop.core import Episodes
from innerloop.episodes.draws import Draws
from innerloop.episodes.spans import Span, as_span, most
from innerloop.errors import InputError

ROWS = 100_000_000  # of a batch, support and query: beyond that it is a slip of the keyboard


@dataclass(frozen=True, kw_only=True)
class Stream(ABC):
    """One meta-split's episodes. A family of tasks says in `draw` how random numbers become them.

    name: names the random numbers, so that splits of one family do not share them.
    shots: support rows per class (classification) or per task (regression); queries likewise.
    ways: classes per task; None for regression, or where every task has classes of its own.
    Each is a number or, where a family can draw uneven tasks, a range (low, high): tasks then come
    padded, see `Episodes.alike`.
    """

    name: str
    shots: Span
    queries: Span
    ways: Span | None = None

    def __post_init__(self) -> None:
        for rule in ("ways", "shots", "queries"):
            value = getattr(self, rule)
            if value is not None or rule != "ways":  # which regression tasks lack
                object.__setattr__(self, rule, as_span(rule, value))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about what is drawn from: classes left out, for example."""
        return ()

    @property
    def largest(self) -> tuple[int, int]:
        """Support and query rows of the largest task."""
        ways = max(1, most(self.ways))
        return ways * most(self.shots), ways * most(self.queries)

    @property
    def kind_names(self) -> tuple[str, ...]:
        """What the kinds are called that this family's tasks are of; () where there are none."""
        return ()

    def kinds(self, seed: int, numbers: np.ndarray) -> np.ndarray | None:
        """(T,) of which kind, a place in `kind_names`, each of these episodes is: the truth that no
        learner is told, for errors per kind and the colours of a map. None without kinds."""
        return None

    @abstractmethod
    def draw(self, draws: Draws) -> Episodes:
        """len(draws) episodes from the random numbers given."""

    def sample(self, seed: int = 0, index: int = 0, tasks: int = 1) -> Episodes:
        """Batch `index` of `tasks` episodes: the same for every learner, worker and machine.

        Batches of any size cut one sequence: `sample(index=0, tasks=4)` holds the episodes of
        `sample(index=0, tasks=2)` and `sample(index=1, tasks=2)`.
        """
        if tasks < 1:
            raise InputError(
                f"a batch needs at least one task, got tasks={tasks}; ask for 1 or more.",
                f"一个批次至少要有一个任务，收到 tasks={tasks}；请给 1 或更大的数。",
            )
        self._check_size(tasks)
        return self.numbered(seed, np.arange(index * tasks, (index + 1) * tasks))

    def numbered(self, seed: int, numbers: np.ndarray) -> Episodes:
        """The episodes of these numbers (T,) in the sequence that batches are cut from."""
        self._check_size(len(numbers))
        return self.draw(Draws(seed, self.name, numbers))

    def _check_size(self, tasks: int) -> None:
        a_task = sum(self.largest)
        if tasks * a_task > ROWS:
            raise InputError(
                f"a batch may hold at most {ROWS:,} rows, but {tasks} tasks of {a_task} rows (ways x "
                "(shots + queries)) were asked for; lower --shots, --queries, --ways or --meta-batch.",
                f"一个批次最多 {ROWS:,} 行，而所需为 {tasks} 个任务、每个 {a_task} 行"
                "（类别数 ×（shots + queries））；请减小 --shots、--queries、--ways 或 --meta-batch。",
            )

    def replace(self, **changes: Any) -> Self:
        """The same stream with other ways, shots or queries."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})

    def describe(self, episodes: Episodes, t: int) -> str:
        """A name for task t of a batch, for messages."""
        if episodes.task is None:
            return f"{self.name} task {t}"
        return f"{self.name} task {int(episodes.task[t])}"
