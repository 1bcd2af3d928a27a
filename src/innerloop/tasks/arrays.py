"""Arrays in memory as tasks: draws of classes, or groups that are tasks."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Span
from innerloop.errors import InputError, not_one_of
from innerloop.language import say
from innerloop.tasks.base import DRAWN, SPLITS, WHOLE, Kind, Tasks
from innerloop.tasks.classes import ClassStream
from innerloop.tasks.images.inputs import ImageInputs
from innerloop.tasks.inputs import Inputs
from innerloop.tasks.pools import PoolStream, as_numbers, least_rows
from innerloop.tasks.splitting import SplitSource, by_hash, given_split
from innerloop.tasks.units import divide
from innerloop.tree import Tree, rows, tree_leaves, tree_map

KINDS = ("classification", "regression", "multilabel")


@dataclass(frozen=True, eq=False)
class ArrayBank:
    """Rows of classes: x a tree (M, ...), order the rows class after class."""

    x: Tree
    order: np.ndarray
    counts: tuple[int, ...]
    names: tuple[str, ...]

    @cached_property
    def sizes(self) -> np.ndarray:
        return np.asarray(self.counts, dtype=np.int64)

    @cached_property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.sizes) - self.sizes

    def take(self, numbers: np.ndarray) -> Tree:
        chosen = torch.from_numpy(self.order[numbers])
        return tree_map(lambda leaf: as_numbers(leaf[chosen]), self.x)

    def summary(self) -> dict[str, Any]:
        return {"classes": len(self.counts), "rows": sum(self.counts)}


@dataclass(frozen=True, kw_only=True)
class GroupStream(PoolStream):
    """Every group is a task, each as likely as another; those too small are named in `notes`."""

    x: Tree = field(repr=False, compare=False)
    y: Tensor = field(repr=False, compare=False)
    groups: Mapping[str, np.ndarray] = field(repr=False, compare=False)  # name -> its rows
    numbers: Mapping[str, int] = field(repr=False, compare=False)
    classes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind == "classification" and self.groups and self._most_classes() < 2:
            raise InputError(
                f"a task needs two classes to tell apart, but each of the {len(self.groups)} groups of "
                f"{self.name} has one alone; leave --groups out, and tasks are draws of classes.",
                f"任务至少需要两个可区分的类别，但 {self.name} 的 {len(self.groups)} 个分组各自只有一个类别；"
                "请去掉 --groups，任务即由类别抽取而成。",
            )
        if not self.fit:
            largest = max(len(r) for r in self.groups.values())
            needs = least_rows(self.kind, self.ways, self.least)
            raise InputError(
                f"{self.name} has no group that is large enough: a task needs {needs}, the largest "
                f"of {len(self.groups)} groups has {largest} rows; lower --shots or --queries.",
                f"{self.name} 中没有足够大的分组：任务需要 {needs}，{len(self.groups)} 个分组中最大的有 "
                f"{largest} 行；请减小 --shots 或 --queries。",
            )
        for note in self.notes:
            warnings.warn(note, stacklevel=3)

    def _most_classes(self) -> int:
        return max(len(self.y[at].unique()) for at in self.groups.values())

    @cached_property
    def fit(self) -> list[str]:
        return [name for name, at in self.groups.items() if self.enough(self.y[at])]

    @property
    def left_out(self) -> list[str]:
        return [name for name in self.groups if name not in set(self.fit)]

    @property
    def notes(self) -> tuple[str, ...]:
        names = self.left_out
        if not names:
            return ()
        first = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
        needs = least_rows(self.kind, self.ways, self.least)
        return (
            say(
                f"{self.name}: {len(names)} of {len(self.groups)} groups have fewer than {needs} "
                f"and are left out ({first}); lower shots or queries to use them.",
                f"{self.name}：{len(self.groups)} 个分组中有 {len(names)} 个不足 {needs}，未被使用"
                f"（{first}）；减小 shots 或 queries 即可使用。",
            ),
        )

    @property
    def class_count(self) -> int | None:
        return self.classes

    def pool(self, number: int, rng: np.random.Generator) -> tuple[Tree, Tensor, int]:
        name = self.fit[int(rng.integers(len(self.fit)))]
        at = torch.from_numpy(self.groups[name])
        return tree_map(lambda leaf: leaf[at], self.x), self.y[at], self.numbers[name]

    def describe(self, episodes: Any, t: int) -> str:
        names = {number: name for name, number in self.numbers.items()}
        return f"{self.name} group {names.get(int(episodes.task[t]))!r}"


@checked()
def arrays(
    x: Any,
    y: Any,
    groups: Sequence[Any] | None = None,
    *,
    kind: Kind | None = None,
    ways: Span | None = None,
    shots: Span | None = None,
    queries: Span = (1, 15),
    splits: SplitSource | None = None,
    seed: int = 0,
) -> Tasks:
    """Rows in memory as tasks: numpy arrays, tensors, lists, or a dict of them as x.

    Without groups: a task is a draw of `ways` classes; which classes are for meta-training,
    validation and test is decided by a hash of their names and `seed`. With groups, a label per
    row: every group is a task (a patient, a shop), to classify or to regress inside it, and groups
    are what is split.

    kind: "classification", "regression" or "multilabel"; None: floating y (rows,) or (rows, out)
        is regressed, bool y (rows, out) is multilabel, any other is classified.
    ways: None for 5, or as many as the classes allow; with groups for all that a group has.
    shots: None for 1 of each class that is drawn, and for 5 where a group is a task.
    splits: {class or group: "train" | "validation" | "test"}, or a CSV or JSON file.
    x: floating numbers become float32 and are not scaled; uint8 of images (rows, H, W), (rows, C,
        H, W) or (rows, H, W, C) become [0, 1]; other whole numbers stay as they are (tokens).

    >>> x, y = np.random.default_rng(0).normal(size=(300, 4)), np.repeat(np.arange(30), 10)
    >>> arrays(x, y, ways=3, shots=2, queries=4).test.sample(tasks=2).query.x.shape
    torch.Size([2, 12, 4])
    >>> arrays(x, x.sum(1), groups=y, shots=3).train.sample(tasks=2).support.y.shape
    torch.Size([2, 3, 1])
    """
    x = tree_map(as_rows, x) if isinstance(x, dict) else as_rows(x)
    raw = np.asarray(y.detach().cpu() if isinstance(y, Tensor) else y)
    check_rows(x, raw, groups)
    kind = kind or guess_kind(raw)
    if kind not in KINDS:
        raise not_one_of("kind", KINDS, kind)
    if kind == "classification" and raw.ndim != 1:
        raise InputError(
            f"to classify, y must hold one label per row, got shape {raw.shape}; flatten it.",
            f"分类时 y 应为每行一个标签，收到形状 {raw.shape}；请展平。",
        )
    shots = (DRAWN if groups is None else WHOLE) if shots is None else shots
    how: dict[str, Any] = {"shots": shots, "queries": queries}
    if groups is None:
        if kind != "classification":
            raise InputError(
                f"without groups a task is a draw of classes, but y is for {kind}; pass groups=, a "
                "label per row that says which task it belongs to.",
                f"没有 groups 时任务由类别抽取而成，而 y 用于 {kind}；请传入 groups=，说明每行属于哪个任务。",
            )
        streams, remarks = of_classes(x, raw, ways, splits, seed, how)
        targets = 1
    else:
        streams, remarks, targets = of_groups(x, raw, groups, kind, ways, splits, seed, how)
    for remark in remarks:
        warnings.warn(remark, stacklevel=3)
    return Tasks(
        "arrays",
        kind,
        **streams,
        settings={**how, "ways": streams["train"].ways, "seed": seed},
        input_shape=tuple(tree_leaves(x)[0].shape[1:]) or (1,),
        targets=targets,
        inputs=image_inputs(x),
        remarks=tuple(remarks),
    )


def of_classes(
    x: Tree, y: np.ndarray, ways: Span | None, splits: SplitSource | None, seed: int, how: Any
) -> tuple[dict[str, Any], Sequence[str]]:
    labels, number = np.unique(y, return_inverse=True)
    names = [str(label) for label in labels.tolist()]
    division = divide([plain(name) for name in names], ways, splits=splits, by="class", seed=seed)
    streams = {}
    for split in SPLITS:
        chosen = [n for n, name in enumerate(names) if plain(name) in set(division.classes(split))]
        parts = [np.flatnonzero(number == n) for n in chosen]
        bank = ArrayBank(
            x,
            np.concatenate(parts),
            tuple(map(len, parts)),
            tuple(names[n] for n in chosen),
        )
        streams[split] = ClassStream(
            name=f"arrays/{split}", ways=division.ways, bank=bank, small="leave out", **how
        )
    return streams, division.remarks


def plain(name: str) -> str:
    """A label as a class's name, where a slash would mean a group."""
    return name.replace("/", "\u2215")


def of_groups(
    x: Tree,
    y: np.ndarray,
    groups: Sequence[Any],
    kind: Kind,
    ways: Span | None,
    splits: SplitSource | None,
    seed: int,
    how: Any,
) -> tuple[dict[str, Any], Sequence[str], int]:
    labels, number = np.unique(np.asarray(groups), return_inverse=True)
    names = [str(label) for label in labels.tolist()]
    at = {name: np.flatnonzero(number == n) for n, name in enumerate(names)}
    split = given_split(splits, names, seed) if splits else None
    split = split or by_hash(dict.fromkeys(names, 1), least=1, seed=seed)
    if split is None:
        raise InputError(
            f"groups must differ between meta-train, validation and test, so at least 3 are needed, "
            f"got {len(names)}; add groups.",
            f"元训练、验证与测试的分组必须不同，因此至少需要 3 个，收到 {len(names)} 个；请增加分组。",
        )
    classes = None
    if kind == "classification":
        kinds, places = np.unique(y, return_inverse=True)
        classes, targets = len(kinds), 1
        made = torch.from_numpy(places.astype(np.int64))
        if ways is None:
            ways = (2, max(2, max(len(np.unique(places[rows])) for rows in at.values())))
    else:
        made = torch.from_numpy(y.astype(np.float32 if kind == "regression" else bool))
        made = made[:, None] if made.dim() == 1 else made
        targets = made.shape[1]
    streams = {
        part: GroupStream(
            name=f"arrays/{part}",
            kind=kind,
            ways=ways,
            x=x,
            y=made,
            groups={name: rows for name, rows in at.items() if split.get(name) == part},
            numbers={name: n for n, name in enumerate(names)},
            classes=classes,
            **how,
        )
        for part in SPLITS
    }
    return streams, (), targets


def as_rows(x: Any) -> Tensor:
    """One row per example: floating numbers as float32, images as (rows, C, H, W) uint8."""
    if not isinstance(x, Tensor):
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise InputError(
                f"x must hold numbers, all rows of one shape, got an array of {x.dtype}; turn text "
                "into numbers, or use il.tasks.table.",
                f"x 应为数字且各行形状相同，收到 {x.dtype} 数组；请把文字转为数字，或使用 il.tasks.table。",
            )
    made = torch.as_tensor(x).detach().cpu()
    if made.dim() == 0 or not len(made):
        raise InputError(
            f"x must have one row per example, got shape {tuple(made.shape)}; pass some rows.",
            f"x 应为每个样本一行，收到形状 {tuple(made.shape)}；请传入数据。",
        )
    if made.dtype == torch.uint8 and made.dim() in (3, 4):
        if made.dim() == 3:
            return made[:, None]
        last = made.shape[-1] in (1, 3, 4) and made.shape[1] not in (1, 3, 4)
        return made.permute(0, 3, 1, 2).contiguous() if last else made
    if made.dtype == torch.bool:
        made = made.to(torch.float32)
    if made.is_floating_point():
        bad = (~made.isfinite()).flatten(1).any(1) if made.dim() > 1 else ~made.isfinite()
        if bad.any():
            raise InputError(
                f"x must be finite, but {int(bad.sum())} rows hold NaN or infinity, first row "
                f"{int(bad.nonzero()[0])}; impute or drop them.",
                f"x 必须为有限值，但有 {int(bad.sum())} 行含 NaN 或无穷，最先是第 "
                f"{int(bad.nonzero()[0])} 行；请填补或删除。",
            )
        made = made.to(torch.float32)
    return made[:, None] if made.dim() == 1 else made


def check_rows(x: Tree, y: np.ndarray, groups: Sequence[Any] | None) -> None:
    for name, given in (("y", y), ("groups", groups)):
        if given is not None and (not np.ndim(given) or len(given) != rows(x)):
            count = len(given) if np.ndim(given) else "none"
            raise InputError(
                f"x and {name} must have one row per example: x has {rows(x)}, {name} has {count}; "
                "drop or add rows until they agree.",
                f"x 与 {name} 每个样本各占一行：x 有 {rows(x)} 行，{name} 有 {count} 行；请使两者一致。",
            )
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        first = int(np.argwhere(~np.isfinite(y))[0][0])
        raise InputError(
            f"y must be finite, but row {first} is not; drop such rows.",
            f"y 必须为有限值，但第 {first} 行不是；请删除这些行。",
        )


def guess_kind(y: np.ndarray) -> Kind:
    if y.dtype.kind == "f":
        return "regression"
    return "multilabel" if y.dtype.kind == "b" and y.ndim == 2 else "classification"


def image_inputs(x: Tree) -> Inputs | None:
    if not isinstance(x, Tensor) or x.dtype != torch.uint8 or x.dim() != 4:
        return None
    channels, height, width = x.shape[1:]
    if channels not in (1, 3) or height != width:
        return None
    return ImageInputs(channels=channels, size=height)
