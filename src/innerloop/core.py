"""The nouns of the library.

Shapes are written with these letters throughout: T tasks, N ways (classes of a task), K shots
(examples per class), S support rows, Q query rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from innerloop.errors import InputError, shown
from innerloop.tree import (
    Tree,
    pytree,
    rows,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_unflatten,
)

Params = dict[str, Tensor]


@pytree(static=("ways",))
@dataclass(frozen=True)
class Examples:
    """Labelled rows: of one task (S, ...) or, inside `Episodes`, of T tasks (T, S, ...).

    x: a tensor or a tree of tensors with one row per example.
    y: class positions 0..N-1 (int64), numbers (floating, (S, out)), or labels of which a row may
        have several (bool, (S, out)).
    mask: True where a row is real, False where it pads; None when every row is real.
    ways: how many classes the task has; counted from y when it is not given.

    >>> Examples(torch.zeros(4, 2), torch.tensor([0, 1, 2, 2])).ways
    3
    """

    x: Tree
    y: Tensor
    mask: Tensor | None = None
    ways: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.y, Tensor):
            raise InputError(
                f"y must be a tensor of labels or targets, got {type(self.y).__name__}; "
                "wrap it in torch.as_tensor.",
                f"y 必须是标签或目标值的张量，收到的是 {type(self.y).__name__}；请用 torch.as_tensor 包装。",
            )
        for leaf in tree_leaves(self.x):
            if not isinstance(leaf, Tensor) or not leaf.dim() or not self.y.dim():
                what = type(leaf).__name__ if not isinstance(leaf, Tensor) else "a single number"
                raise InputError(
                    f"x and y must be tensors with one row per example, got {what}; wrap x in "
                    "torch.as_tensor, and write x[None] for a single row.",
                    f"x 与 y 必须是每个样本一行的张量，收到 {what}；请用 torch.as_tensor 包装 x，"
                    "单个样本请写 x[None]。",
                )
            if leaf.shape[0] != self.y.shape[0]:
                raise InputError(
                    f"x and y must have one row per example: x has {leaf.shape[0]} rows, "
                    f"y has {self.y.shape[0]}; drop or add rows until they agree.",
                    f"x 与 y 每个样本各占一行：x 有 {leaf.shape[0]} 行，y 有 {self.y.shape[0]} 行；"
                    "请增删行使两者一致。",
                )
        if self.ways is None and self.is_classification and self.y.numel():
            if self.mask is None and (least := int(self.y.min())) < 0:
                raise InputError(
                    f"y numbers a task's classes from 0, got {least}; give whole numbers 0 .. ways - 1, "
                    "or floating ones to regress.",
                    f"y 从 0 起给任务的类别编号，收到 {least}；请给出 0 到 ways - 1 的整数，回归请用浮点数。",
                )
            object.__setattr__(self, "ways", int(self.y.max()) + 1)

    @property
    def is_classification(self) -> bool:
        return not self.y.dtype.is_floating_point and not self.is_multilabel

    @property
    def is_multilabel(self) -> bool:
        return self.y.dtype == torch.bool


@pytree()
@dataclass(frozen=True)
class Episode:
    """One sampled task: learn from `support`, be judged on `query`.

    task: the task's global number, or None. classes: (N,) the global number of each class
    position, or None; baselines that pretrain on all classes at once and maps of tasks need them.
    """

    support: Examples
    query: Examples
    task: Tensor | None = None
    classes: Tensor | None = None

    def __post_init__(self) -> None:
        same_ways(self)


@pytree()
@dataclass(frozen=True)
class Episodes:
    """T episodes; every leaf has a leading T. Index it to get one `Episode`.

    Tasks of unequal ways and shots are stored with rows that pad: the masks (T, S) and (T, Q) are
    True where a row is real, `ways` is the largest, and `classes` is -1 where there is none.
    Padding is storage only: an indexed episode has none, and `alike` sorts tasks by their shape.

    >>> x, y = torch.zeros(3, 10, 1), torch.zeros(3, 10, 1)
    >>> episodes = Episodes(support=Examples(x, y), query=Examples(x, y))
    >>> len(episodes), tuple(episodes[2].support.x.shape)
    (3, (10, 1))
    """

    support: Examples
    query: Examples
    task: Tensor | None = None
    classes: Tensor | None = None

    def __post_init__(self) -> None:
        for side in (self.support, self.query):
            if not isinstance(side, Examples):
                raise InputError(
                    f"support and query must be il.Examples, got {shown(side)}; write il.Examples(x, y).",
                    f"support 与 query 必须是 il.Examples，收到 {shown(side)}；请写 il.Examples(x, y)。",
                )
        same_ways(self)
        support, query = self.support.y.shape[0], self.query.y.shape[0]
        if support != query:
            raise InputError(
                f"support and query must hold the same tasks: support has {support}, query {query}; "
                "give both the same leading dimension T.",
                f"support 与 query 必须包含相同的任务：support 有 {support} 个，query 有 {query} 个；"
                "请让两者的第一维 T 相同。",
            )
        check_rows("support", "支持集", self.support)
        check_rows("query", "查询集", self.query)

    def __len__(self) -> int:
        return rows(self.support.y)

    def __getitem__(self, index: int | slice) -> Episode | Episodes:  # type: ignore[override]
        if not isinstance(index, slice) and self.is_padded:
            place = range(len(self))[index]
            [(_, alone)] = self[place : place + 1].alike()  # type: ignore[union-attr]
            return alone[0]
        picked = tree_map(lambda leaf: leaf[index], self)
        return picked if isinstance(index, slice) else picked.as_episode()

    def __iter__(self):  # type: ignore[no-untyped-def]
        return (self[t] for t in range(len(self)))

    @property
    def is_padded(self) -> bool:
        return self.support.mask is not None or self.query.mask is not None

    def alike(self, *, queries: bool = True) -> list[tuple[Tensor, Episodes]]:
        """[(numbers (t,), those tasks)]: tasks of equal shape together, their padding cut off.

        A task has as many ways as its real rows name. Without masks there is one group, and it is
        this very batch. queries: without it they may differ in number and stay padded, which makes
        fewer groups: for answers that do not depend on the other queries.

        >>> x, y = torch.zeros(2, 3, 1), torch.tensor([[0, 1, 0], [0, 1, 2]])
        >>> mask = torch.tensor([[True, True, False], [True, True, True]])
        >>> episodes = Episodes(Examples(x, y, mask), Examples(x, y, mask))
        >>> [(n.tolist(), e.support.ways, e.support.y.tolist()) for n, e in episodes.alike()]
        [([0], 2, [[0, 1]]), ([1], 3, [[0, 1, 2]])]
        """
        if not self.is_padded:
            return [(torch.arange(len(self)), self)]
        rows_and_ways = [real_rows_and_ways(side) for side in (self.support, self.query)]
        support, query = (count for count, _ in rows_and_ways)
        ways = torch.stack([named for _, named in rows_and_ways]).amax(0)
        if not queries:
            query = torch.full_like(query, -1)
        shapes = torch.stack([support, query, ways], 1)  # (T, 3)
        kinds, kind = shapes.unique(dim=0, return_inverse=True)
        groups = [(kind == number).nonzero().flatten() for number in range(len(kinds))]
        return [(tasks, self._only(tasks, *shapes[tasks[0]].tolist())) for tasks in groups]

    def _only(self, tasks: Tensor, support: int, query: int, named: int) -> Episodes:
        """The tasks of these numbers, all of one real shape, without padding; but queries of which
        the number is -1 keep theirs."""
        ways = named if self.support.is_classification else self.support.ways
        classes = None if self.classes is None else self.classes[tasks][:, :ways]
        return Episodes(
            without_padding(self.support, tasks, support, ways),
            without_padding(self.query, tasks, query, ways),
            None if self.task is None else self.task[tasks],
            classes,
        )

    def split(self, tasks: int) -> list[Episodes]:
        """So many tasks each, one after the other.

        >>> x = torch.zeros(6, 3, 1)
        >>> [len(part) for part in Episodes(Examples(x, x), Examples(x, x)).split(4)]
        [4, 2]
        """
        leaves, form = tree_flatten(self)
        parts = zip(*(leaf.split(tasks) for leaf in leaves), strict=True)
        return [tree_unflatten(part, form) for part in parts]

    def as_episode(self) -> Episode:
        """The same leaves as an `Episode`: what `vmap` maps over."""
        episode = object.__new__(Episode)
        for name in ("support", "query", "task", "classes"):
            object.__setattr__(episode, name, getattr(self, name))
        return episode


def real_rows_and_ways(examples: Examples) -> tuple[Tensor, Tensor]:
    """How many rows of each task are real, and how many ways they name: (T,), (T,)."""
    y, mask = examples.y, examples.mask
    real = torch.ones(y.shape[:2], dtype=torch.bool, device=y.device) if mask is None else mask
    if not examples.is_classification:
        return real.sum(1), real.new_zeros(len(y), dtype=torch.int64)
    return real.sum(1), 1 + torch.where(real, y, -1).amax(1)


def without_padding(examples: Examples, tasks: Tensor, count: int, ways: int | None) -> Examples:
    """The rows of these tasks, each of which has `count` real ones."""
    if examples.mask is None or count < 0:
        x, y = tree_map(lambda leaf: leaf[tasks], examples.x), examples.y[tasks]
        mask = None if examples.mask is None else examples.mask[tasks]
        return Examples(x, y, mask=mask, ways=ways)
    where = examples.mask[tasks].nonzero()[:, 1].view(len(tasks), count)  # (t, count)
    x = tree_map(lambda leaf: leaf[tasks[:, None], where], examples.x)
    return Examples(x, examples.y[tasks[:, None], where], ways=ways)


def check_rows(en: str, zh: str, examples: Examples) -> None:
    """Every task has as many rows of x as of y, and at least one."""
    if examples.y.dim() < 2 or not examples.y.shape[1]:
        raise no_rows(en, zh)
    for leaf in tree_leaves(examples.x):
        if leaf.shape[:2] != examples.y.shape[:2]:
            raise InputError(
                f"x and y of the {en} must both begin with (T, rows), but x is {tuple(leaf.shape)} "
                f"and y {tuple(examples.y.shape)}; give every task as many rows of x as of y.",
                f"{zh}的 x 与 y 都应以 (T, 行数) 开头，而 x 为 {tuple(leaf.shape)}，"
                f"y 为 {tuple(examples.y.shape)}；请使每个任务的 x 与 y 行数相同。",
            )


def no_rows(en: str, zh: str) -> InputError:
    return InputError(
        f"the {en} set of a task must hold at least one row, got none; give it examples, y of a "
        "batch being (T, rows).",
        f"任务的{zh}至少要有一行，收到 0 行；请提供样本，一批任务的 y 应为 (T, 行数)。",
    )


def same_ways(episode: Episode | Episodes) -> None:
    """Support and query speak of the same classes, also where one happens to miss the last one."""
    ways = max(episode.support.ways or 0, episode.query.ways or 0)
    for examples in (episode.support, episode.query):
        if ways and examples.ways != ways:
            object.__setattr__(examples, "ways", ways)


class Meta(NamedTuple):
    """What is learnt across tasks: `params` by gradient, `state` (buffers) by watching."""

    params: Params
    state: Params


class MetaGradient(NamedTuple):
    """losses (T,), grads (shaped like `params`, of the mean loss over the kept tasks), the new
    state, and kept (T,): False for a task whose loss or gradient was not finite and which was
    left out of the mean."""

    losses: Tensor
    grads: Params
    state: Params
    kept: Tensor


@runtime_checkable
class Method(Protocol):
    """An algorithm, written for one task; `innerloop.outer` makes it many.

    A method may also have `task_gradient(meta, episode, generator) -> (grads, loss, state)` where
    what drives the outer loop is not the gradient of a loss (Reptile), and
    `observe(meta, fast, more) -> fast` where further examples can be taken in.
    """

    def init(self, generator: Generator | None) -> Meta: ...

    def adapt(
        self, meta: Meta, support: Examples, *, generator: Generator | None = None
    ) -> Tree: ...

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor: ...

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]: ...


def concatenate(first: Examples, second: Examples) -> Examples:
    """The rows of both, one after the other."""

    def join(a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([a, b])

    mask = None
    if first.mask is not None or second.mask is not None:
        masks = [
            torch.ones(rows(e.y), dtype=torch.bool, device=e.y.device) if e.mask is None else e.mask
            for e in (first, second)
        ]
        mask = join(*masks)
    ways = max(first.ways or 0, second.ways or 0) or None
    return Examples(
        tree_map(join, first.x, second.x), join(first.y, second.y), mask=mask, ways=ways
    )
