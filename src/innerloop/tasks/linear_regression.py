"""Linear regression in several dimensions, the task on which learning in context is studied."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Draws, Span
from innerloop.episodes.stream import ROWS
from innerloop.errors import InputError
from innerloop.tasks.base import Tasks
from innerloop.tasks.rows import RowStream, row_tasks


@dataclass(frozen=True, kw_only=True)
class LinearRegressionStream(RowStream):
    """Tasks y = w x + noise; w and every x are standard normal."""

    dimensions: int = 5
    noise: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.dimensions <= 10_000:
            raise InputError(
                f"dimensions must be a number of 1 to 10,000, got {self.dimensions}; try 5 or 20.",
                f"dimensions 应为 1 到 10,000 的整数，收到 {self.dimensions}；可试 5 或 20。",
            )
        if self.dimensions * self.most_rows > ROWS:
            raise InputError(
                f"a task may hold at most {ROWS:,} numbers, got {self.most_rows:,} rows of "
                f"{self.dimensions:,}; lower --shots, --queries or --dimensions.",
                f"一个任务最多 {ROWS:,} 个数，收到 {self.most_rows:,} 行、每行 {self.dimensions:,} 个；"
                "请减小 --shots、--queries 或 --dimensions。",
            )
        if self.noise < 0:
            raise InputError(
                f"noise is a standard deviation, at least 0, got {self.noise}; try 0 or 0.5.",
                f"noise 是标准差，至少为 0，收到 {self.noise}；可试 0 或 0.5。",
            )

    def make(self, draws: Draws, rows: int) -> tuple[Tensor, Tensor]:
        weights = draws.normal(1, self.dimensions)  # (T, 1, d)
        x = draws.normal(rows, self.dimensions)  # (T, rows, d)
        y = (x * weights).sum(-1, keepdim=True)
        return x, y + self.noise * draws.normal(rows, 1)


@checked()
def linear_regression(
    *, dimensions: int = 5, noise: float = 0.0, shots: Span = 10, queries: Span = 10
) -> Tasks:
    """Linear functions of several variables (Garg et al. 2022, arXiv:2208.01066).

    y = w x + noise, with w and x ~ N(0, I) in `dimensions` and noise of that standard deviation.
    Without noise least squares has a mean squared error of d - S for S < d shots and none after:
    its weights of least norm are right in S of d directions.

    >>> linear_regression(dimensions=20, shots=40).train.sample(tasks=3).support.x.shape
    torch.Size([3, 40, 20])
    """
    settings = {"dimensions": dimensions, "noise": noise, "shots": shots, "queries": queries}
    return row_tasks(
        LinearRegressionStream,
        "linear_regression",
        settings=settings,
        input_shape=(dimensions,),
    )
