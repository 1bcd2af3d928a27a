"""The meta-gradient of networks whose every operation has known rules, without a graph.

A network is read once, operation by operation, and each has four short functions: forward, backward,
and the tangents of both. With them the way back over an inner step is one Hessian-vector product on
what the step computed anyway, in few large operations laid out as the processor likes them.

No network is trusted: before the first task of a shape the program proves itself on some rows of it, in
double precision, against the plain gradient. One that does not agree goes down the general path.
"""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from innerloop.core import Episode, Episodes, Examples, Meta, Method, Params
from innerloop.inner import Descent, first_order, unrolled
from innerloop.losses import is_objective
from innerloop.outer.explicit.dense import Dense, dense
from innerloop.outer.explicit.descent import Walk
from innerloop.outer.explicit.patterns import Unknown
from innerloop.outer.explicit.reading import read
from innerloop.outer.explicit.rules.derived import Derived
from innerloop.outer.explicit.rules.layout import laid_out
from innerloop.outer.paths import Path, one_task
from innerloop.outer.totals import Totals, sum_of
from innerloop.tree import tree_map

AGREED = 1e-9  # relative difference in double precision from which a program is not believed
PROOF_ROWS, PROOF_STEPS = 5, 2  # of either set, and of the inner loop, that the proof looks at
PROOF_TASKS = 4  # tried until one is finite


@dataclass(frozen=True)
class Explicit:
    """A path: tasks one after the other, shared among as many threads as torch may use."""

    walk: Walk
    draws: ClassVar[bool] = False
    in_turn: ClassVar[bool] = True

    def __call__(
        self, method: Method, meta: Meta, episodes: Episodes, generator: Generator | None = None
    ) -> Totals:
        params = {n: p.detach() for n, p in meta.params.items()}
        meta = Meta(tree_map(laid_out, params), tree_map(laid_out, meta.state))
        threads = min(torch.get_num_threads(), len(episodes))
        if threads == 1:
            return self._in_turn(meta, episodes)
        ends = [len(episodes) * i // threads for i in range(threads + 1)]
        parts = [episodes[a:b] for a, b in itertools.pairwise(ends)]
        outside = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(threads, "task", torch.set_num_threads, (1,)) as pool:
                return sum_of(pool.map(lambda part: self._in_turn(meta, part), parts))
        finally:
            torch.set_num_threads(outside)  # new threads of Python begin with what was set last

    @property
    def descent(self) -> Descent:
        return self.walk.descent

    def of_steps(self, steps: int) -> Explicit:
        return replace(self, walk=Walk(replace(self.descent, steps=steps), self.walk.program))

    @torch.no_grad()
    def _in_turn(self, meta: Meta, episodes: Episodes) -> Totals:
        return sum_of(alone(*self.walk.gradient(meta, episode)) for episode in episodes)


class ByShape:
    """The explicit path of each shape of task, read and proven when the first of them comes: what a
    network does may depend on how many rows there are, and how large they are."""

    draws = False

    def __init__(self, *, even_slow: bool = False):
        self._even_slow = even_slow
        self._paths: dict[Any, Explicit | Dense] = {}

    def __call__(
        self, method: Method, meta: Meta, episodes: Episodes, generator: Generator | None = None
    ) -> Totals:
        return self.choose(method, meta, episodes)(method, meta, episodes, generator)

    @property
    def in_turn(self) -> bool:
        """Whether tasks come one after the other, in as many threads as there are."""
        return all(path.in_turn for path in self._paths.values())

    def choose(self, method: Method, meta: Meta, episodes: Episodes) -> Explicit | Dense:
        """The path for tasks like these; `Unknown` where there is none."""
        check_inputs(meta, episodes)
        sides = (episodes.support, episodes.query)
        key = (id(method), *((s.x.shape[1:], s.y.shape[1:], s.y.dtype, s.ways) for s in sides))
        if key not in self._paths:
            self._paths[key] = explicit(method, meta, episodes, even_slow=self._even_slow)
        return self._paths[key]


def explicit(
    method: Method, meta: Meta, episodes: Episodes, *, even_slow: bool = False
) -> Explicit | Dense:
    """The path for this method and tasks like these; `Unknown`, with the reason, where there is
    none, or where it would be a slow one."""
    if not isinstance(method, Descent) or method.from_zero or hasattr(method, "task_gradient"):
        raise Unknown("it is not a plain descent")
    through = method.through
    if through not in (unrolled, first_order) and not hasattr(through, "last"):
        raise Unknown("its `through` is a function of its own")
    if is_objective(method.inner_loss):
        raise Unknown("its inner loss runs the model itself")
    check_inputs(meta, episodes)
    row = episodes.support.x[0, 0]
    program = read(method.network, meta.params, meta.state, row)
    path: Explicit | Dense
    if method.network.is_convolutional:
        walk = Walk(method, program)
        derived = [op for op in walk.halves[1].ops if isinstance(op.rule, Derived)]
        if derived and not even_slow:
            raise Unknown(f"{len(derived)} of its operations have no rule of their own")
        path = Explicit(walk)
    else:
        path = dense(method, program, meta)
    prove(path, meta, episodes)
    return path


def check_inputs(meta: Meta, episodes: Episodes) -> None:
    """`Unknown` where the numbers are not those that the kernels work on."""
    kinds = {p.dtype for p in meta.params.values()}
    if any(leaf.device.type != "cpu" for leaf in (*meta.params.values(), *meta.state.values())):
        raise Unknown("its parameters are not on the processor")
    for side in (episodes.support, episodes.query):
        x, y = side.x, side.y
        if not isinstance(x, Tensor) or not x.is_floating_point() or x.device.type != "cpu":
            raise Unknown("its inputs are not one tensor of numbers on the processor")
        if x.dtype not in (torch.float32, torch.float64):
            raise Unknown(f"its inputs are {x.dtype}")
        if y.dtype == torch.int64 and int(y.min()) < 0:
            raise Unknown("its labels are not all classes")
        if kinds | ({y.dtype} if y.is_floating_point() else set()) != {x.dtype}:
            raise Unknown("its parameters, inputs and targets are not all of one type")


def prove(path: Explicit | Dense, meta: Meta, episodes: Episodes) -> None:
    """Hold the path's gradient of one task against the plain one, in double precision. Few rows and
    steps tell as much as many, and the plain gradient keeps them all in memory."""
    path = path.of_steps(min(path.descent.steps, PROOF_STEPS))
    double = Meta(tree_map(to_double, meta.params), tree_map(to_double, meta.state))
    for number in range(min(len(episodes), PROOF_TASKS)):
        task = few(tree_map(to_double, episodes[number]))
        plain, _, _ = one_task(path.descent, double.state, None)(double.params, task)
        if not math.isfinite(length(plain)):
            continue  # this task says nothing
        single = Episodes(batched(task.support), batched(task.query))
        found = path(path.descent, double, single, None).grads
        off = length({n: found[n] - g for n, g in plain.items()})
        if not off <= AGREED * length(plain):
            raise Unknown("its gradient did not agree with the plain one")
        return
    raise Unknown("none of its first tasks has a finite gradient to hold it against")


def few(task: Episode) -> Episode:
    return tree_map(lambda leaf: leaf[:PROOF_ROWS], Episode(task.support, task.query))  # type: ignore[no-any-return]


def batched(examples: Examples) -> Examples:
    return Examples(examples.x[None], examples.y[None], ways=examples.ways)


def alone(grads: Params, loss: Tensor) -> Totals:
    return Totals.of({n: g[None] for n, g in grads.items()}, loss[None], {})


def length(params: Params) -> float:
    return sum(float(p.square().sum()) for p in params.values()) ** 0.5


def to_double(leaf: Tensor) -> Tensor:
    return leaf.detach().double() if leaf.is_floating_point() else leaf


__all__ = ["ByShape", "Dense", "Explicit", "Unknown", "explicit"]
