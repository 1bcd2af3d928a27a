"""A user's own generator of tasks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.core import Episodes
from innerloop.episodes import Draws, Span
from innerloop.errors import InputError, reason
from innerloop.tasks.arrays import as_rows, check_rows, guess_kind
from innerloop.tasks.base import SPLITS, WHOLE, Kind, Tasks
from innerloop.tasks.pools import PoolStream, least_rows
from innerloop.tree import Tree, tree_leaves, tree_map

Maker = Callable[[np.random.Generator], tuple[Any, Any]]


@dataclass(frozen=True, kw_only=True)
class MadeStream(PoolStream):
    """Every episode is a new task that `f` makes from the random numbers of that episode."""

    f: Maker = field(repr=False, compare=False)
    called: str = "f"

    def draw(self, draws: Draws) -> Episodes:
        return replace(super().draw(draws), classes=None)  # they mean nothing beyond their task

    def pool(self, number: int, rng: np.random.Generator) -> tuple[Tree, Tensor, int]:
        x, y = made(self.f, rng, self.called)
        targets = as_targets(y, self.kind)
        if not self.enough(targets):
            needs = least_rows(self.kind, self.ways, self.least)
            raise InputError(
                f"a task must have {needs} for its support and query rows, but {self.called} "
                f"returned {len(targets)} rows; return more, or lower shots or queries.",
                f"任务的支持集与查询集需要 {needs}，但 {self.called} 返回了 {len(targets)} 行；"
                "请返回更多，或减小 shots、queries。",
            )
        return x, targets, number


@checked(f="my_task")
def function(
    f: Maker | str,
    *,
    shots: Span = WHOLE,
    queries: Span = 15,
    kind: Kind | None = None,
    ways: Span | None = None,
) -> Tasks:
    """Tasks that a function makes: f(rng) -> (x, y), the rows of one new task.

    rng: a numpy Generator, a function of (seed, split, episode) alone; `f` must take all its random
        numbers from it, so that episode 1,000 is the same for every learner and every machine.
    x: (rows, ...) or a dict of such arrays. y: (rows,) or (rows, out) floating numbers, (rows,)
        labels, or (rows, out) bool. Support and query are drawn from these rows: `shots` and
        `queries` of them, or of each class.
    kind: as in `arrays`; None: by the type of y. ways: of classification; None for 2.
    f may be written as "package.module:function", which a run can remember.

    >>> def wave(rng):
    ...     x = rng.uniform(-5, 5, (20, 1))
    ...     return x, rng.uniform(0.1, 5) * np.sin(x + rng.uniform(0, np.pi))
    >>> function(wave, shots=5, queries=10).train.sample(tasks=3).query.y.shape
    torch.Size([3, 10, 1])
    """
    reference = f if isinstance(f, str) else import_path(f)
    f = imported(f) if isinstance(f, str) else f
    if not callable(f):
        raise InputError(
            f"function takes a function f(rng) -> (x, y), got {type(f).__name__}; pass one.",
            f"function 需要函数 f(rng) -> (x, y)，收到 {type(f).__name__}；请传入函数。",
        )
    called = getattr(f, "__name__", "f")
    x, y = made(f, np.random.default_rng(0), called)
    again, also = made(f, np.random.default_rng(0), called)
    pairs = zip(tree_leaves(x), tree_leaves(again), strict=False)
    if not all(torch.equal(a, b) for a, b in pairs) or not np.array_equal(y, also):
        raise InputError(
            f"{called} must draw all its random numbers from rng, but gives other rows for the same "
            "rng; use rng.normal(...) and the like, no other generator.",
            f"{called} 的随机数必须全部来自 rng，但相同的 rng 却给出了不同的结果；"
            "请只用 rng.normal(...) 等方法。",
        )
    kind = kind or guess_kind(y)
    if kind == "classification" and ways is None:
        ways = 2
    how: dict[str, Any] = {"shots": shots, "queries": queries, "kind": kind, "ways": ways}
    streams: dict[str, Any] = {
        split: MadeStream(name=f"function/{split}", f=f, called=called, **how) for split in SPLITS
    }
    streams["train"].sample()
    return Tasks(
        "function",
        kind,
        **streams,
        settings={"f": reference, **how},
        input_shape=tuple(tree_leaves(x)[0].shape[1:]),
        targets=as_targets(y, kind).shape[-1] if kind != "classification" else 1,
    )


def made(f: Maker, rng: np.random.Generator, called: str) -> tuple[Tree, np.ndarray]:
    """(x as tensors, y) of one task."""
    try:
        found = f(rng)
    except Exception as error:
        raise InputError(
            f"{called}(rng) failed ({type(error).__name__}: {reason(error)}); it must make a task "
            "from a numpy Generator.",
            f"{called}(rng) 失败（{type(error).__name__}: {reason(error)}）；它应由 numpy Generator "
            "生成一个任务。",
        ) from error
    if not isinstance(found, tuple | list) or len(found) != 2:
        got = f"{len(found)} values" if isinstance(found, tuple | list) else type(found).__name__
        raise InputError(
            f"{called}(rng) must return two arrays, the rows x and their targets y, got {got}; "
            "return x, y.",
            f"{called}(rng) 必须返回两个数组（样本 x 与目标 y），收到 {got}；请写 return x, y。",
        )
    x = tree_map(as_rows, found[0]) if isinstance(found[0], dict) else as_rows(found[0])
    y = np.asarray(found[1].detach().cpu() if isinstance(found[1], Tensor) else found[1])
    check_rows(x, y, None)
    return x, y


def as_targets(y: np.ndarray, kind: Kind) -> Tensor:
    if kind == "classification":
        return torch.from_numpy(np.unique(y, return_inverse=True)[1].reshape(-1).astype(np.int64))
    numbers = torch.from_numpy(y.astype(np.float32 if kind == "regression" else bool))
    return numbers[:, None] if numbers.dim() == 1 else numbers


def import_path(f: Any) -> str | None:
    """ "package.module:function" where the function can be imported again so, else None."""
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", "<")
    return None if module in (None, "__main__") or "<" in name else f"{module}:{name}"


def imported(reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"the function {reference!r} cannot be imported ({error}); write package.module:function, "
            "from the folder that holds the package.",
            f"无法导入函数 {reference!r}（{error}）；请在包所在目录下使用 package.module:function。",
        ) from None
