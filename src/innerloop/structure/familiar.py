"""Is a task like those of meta-training? A p-value that holds whatever the learner does.

Conformal p-values (Vovk, Gammerman and Shafer 2005, doi:10.1007/b106715).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from innerloop.errors import InputError
from innerloop.evaluation.scores import percent
from innerloop.language import say

ALPHA = 0.05


def p_values(usual: Tensor, weights: Tensor, new: Tensor) -> Tensor:
    """(m,) how many usual tasks are as strange as each of these, itself counted among them.

        s_i = - sum over columns of log(share of tasks at least as strange as i)
        p = (1 + sum_i w_i [s_i >= s_new]) / (1 + sum_i w_i)

    usual: (n, c) strangeness of tasks known to be usual; new: (m, c). Columns are combined by their
    ranks (Fisher 1932), in which the new task takes part like every other: under exchangeability
    p <= a in a share a of usual tasks, at most. weights: (n,) of the usual ones, for tasks that are
    drawn several times.

    >>> usual = torch.arange(19.0)[:, None]
    >>> p_values(usual, torch.ones(19), torch.tensor([[30.0], [9.0]]))
    tensor([0.0500, 0.5500], dtype=torch.float64)
    """
    usual, new, weights = usual.double(), new.double(), weights.double()
    above = (usual[None, :, :] >= usual[:, None, :]).double()  # (n, n, c): is j as strange as i?
    usual_rank = torch.einsum("ijc,j->ic", above, weights)
    found = []
    for row in new:
        rank = usual_rank + (row >= usual)  # (n, c) with the new task among them
        own = 1 + (weights[:, None] * (usual >= row)).sum(0)  # (c,)
        total = 1 + weights.sum()
        strange = -(rank / total).log().sum(1)
        mine = -(own / total).log().sum()
        found.append((1 + (weights * (strange >= mine - 1e-12)).sum()) / total)
    return torch.stack(found)


@dataclass(frozen=True)
class Firing:
    """How often tasks are called unfamiliar: `fired` of `tasks` with p < alpha.

    low, high: the exact 95 % binomial interval (Clopper and Pearson 1934, doi:10.2307/2331986).
    """

    fired: int
    tasks: int
    alpha: float
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.fired / self.tasks

    def __str__(self) -> str:
        return say(
            f"p < {self.alpha:g} on {100 * self.share:.1f} % of {self.tasks} tasks (95 % interval "
            f"{100 * self.low:.1f} to {100 * self.high:.1f} %)",
            f"{self.tasks} 个任务中 {100 * self.share:.1f} % 的 p < {self.alpha:g}（95 % 区间 "
            f"{100 * self.low:.1f} 至 {100 * self.high:.1f} %）",
        )


def firing(p: Tensor, alpha: float = ALPHA) -> Firing:
    """
    >>> firing(torch.tensor([0.01, 0.5, 0.7, 0.2])).share
    0.25
    """
    if not 0 < alpha < 1:
        raise InputError(
            f"alpha must lie between 0 and 1, got {alpha}; 0.05 is usual.",
            f"alpha 必须在 0 与 1 之间，收到 {alpha}；通常用 0.05。",
        )
    from scipy.special import betaincinv  # scipy comes with scikit-learn; not at import time

    count, tasks = int((p < alpha).sum()), len(p)
    low = float(betaincinv(count, tasks - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, tasks - count, 0.975)) if count < tasks else 1.0
    return Firing(count, tasks, alpha, low, high)


@dataclass(frozen=True)
class Auroc:
    """The chance that an unusual task looks stranger than a usual one; ci95 its half-width."""

    value: float
    ci95: float

    def __str__(self) -> str:
        return f"AUROC {percent(self.value, self.ci95)}"

    def to_json(self) -> dict[str, Any]:
        return {"auroc": self.value, "ci95": self.ci95}


def auroc(usual: Tensor, unusual: Tensor) -> Auroc:
    """Of strangeness, or of 1 - p: (n,) of usual tasks and (m,) of unusual ones. The interval is by
    the two samples' own placements (DeLong, DeLong and Clarke-Pearson 1988, doi:10.2307/2531595).

    >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0])).value
    0.875
    """
    if min(len(usual), len(unusual)) < 2:
        raise InputError(
            f"an AUROC needs at least two tasks of each sort, got {len(usual)} and {len(unusual)}; 200 "
            "give a narrow interval.",
            f"AUROC 每类至少需要两个任务，收到 {len(usual)} 与 {len(unusual)} 个；200 个可得较窄区间。",
        )
    usual, unusual = usual.double(), unusual.double()
    larger = (unusual[:, None] > usual).double() + 0.5 * (unusual[:, None] == usual)  # (m, n)
    variance = larger.mean(1).var() / len(unusual) + larger.mean(0).var() / len(usual)
    return Auroc(float(larger.mean()), 1.96 * math.sqrt(float(variance)))
