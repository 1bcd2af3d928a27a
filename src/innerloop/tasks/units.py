"""How classes are divided between the splits, and with how many ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from innerloop.episodes import Span, as_span, most
from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import SPLITS
from innerloop.tasks.splitting import SplitSource, by_hash, given_split

USUAL, FEWEST = 5, 2  # ways, where nobody says


@dataclass(frozen=True)
class Division:
    """split: class -> its split. ways: of a task. by: what was divided, "class", "group", "given",
    or "all" where every split has all. shared: whether validation tasks are made of meta-training's
    classes."""

    split: dict[str, str]
    ways: Span
    by: str
    shared: bool = False
    remarks: tuple[str, ...] = ()

    def classes(self, split: str) -> list[str]:
        if self.by == "all":
            return list(self.split)
        wanted = "train" if self.shared and split == "validation" else split
        return [name for name, part in self.split.items() if part == wanted]


def divide(
    names: Sequence[str],
    ways: Span | None,
    *,
    splits: SplitSource | None = None,
    by: str | None = None,
    seed: int = 0,
) -> Division:
    """Disjoint classes for each split, at least as many as a task has ways.

    names: of the classes; what stands before the last slash is the group. ways: None for 5, or as
    many as the classes allow. Where they are too few for three splits, validation tasks are made
    of meta-training's classes; test tasks never are.
    """
    if ways is not None:
        ways = as_span("ways", ways)
    if by == "all":
        return Division(dict.fromkeys(names, "test"), ways or min(USUAL, len(names)), by)
    if splits:
        return as_given(names, ways, splits, seed)
    groups = {name: name.rpartition("/")[0] for name in names}
    grouped = all(groups.values()) and len(set(groups.values())) > 1
    if by == "group" and not grouped:
        raise InputError(
            "by='group' needs classes in folders of groups (folder/group/class); use by='class'.",
            "by='group' 需要“文件夹/分组/类别”的结构；请使用 by='class'。",
        )
    tries = [most(ways)] if ways is not None else range(USUAL, FEWEST - 1, -1)
    for unit in [by] if by else (["group", "class"] if grouped else ["class"]):
        weights = Counter(groups.values()) if unit == "group" else dict.fromkeys(names, 1)
        for least in tries:
            split = by_hash(weights, least=least, seed=seed)
            if split is not None:
                chosen = {n: split[groups[n] if unit == "group" else n] for n in names}
                return Division(chosen, least if ways is None else ways, str(unit))
    return with_shared_validation(names, ways, tries, seed)


def with_shared_validation(
    names: Sequence[str], ways: Span | None, tries: Sequence[int], seed: int
) -> Division:
    weights = dict.fromkeys(names, 1)
    for least in tries:
        split = by_hash(weights, least=least, seed=seed, parts=("train", "test"))
        if split is not None:
            remark = say(
                f"{len(names)} classes are too few for three disjoint splits of {least}-way tasks: "
                "validation tasks are made of the meta-training classes, so validation figures are "
                "too good; test tasks have classes of their own.",
                f"{len(names)} 个类别不足以构成三个互不相交的 {least} 类划分：验证任务使用元训练类别，"
                "因此验证指标偏高；测试任务使用独立的类别。",
            )
            asked = least if ways is None else ways
            return Division({n: split[n] for n in names}, asked, "class", True, (remark,))
    needed = 2 * tries[-1]
    fitting, lower = len(names) // 2, ways is not None and len(names) >= 2 * FEWEST
    remedy = f"lower --ways to {fitting}, or add classes" if lower else "add classes"
    verb = f"将 --ways 减到 {fitting}，或增加类别" if lower else "增加类别"
    raise InputError(
        f"{tries[-1]}-way tasks need at least {needed} classes, so that some are never trained on, "
        f"and there are {len(names)}; {remedy}.",
        f"{tries[-1]} 类任务至少需要 {needed} 个类别，以保证有未参与训练的类别，现有 {len(names)} 个；"
        f"请{verb}。",
    )


def as_given(names: Sequence[str], ways: Span | None, splits: SplitSource, seed: int) -> Division:
    split = given_split(splits, names, seed)
    remarks = []
    if left := [name for name in names if name not in split]:
        remarks.append(
            say(
                f"{len(left)} classes are in no split and are left out, first {left[0]!r}; name "
                "them in splits.",
                f"{len(left)} 个类别不在任何划分中而未使用，最先的是 {left[0]!r}；请在 splits 中写明。",
            )
        )
    smallest = min(Counter(split.values())[part] for part in SPLITS)
    chosen = {name: split[name] for name in names if name in split}
    fitting = max(1, min(USUAL, smallest)) if ways is None else ways
    return Division(chosen, fitting, "given", remarks=tuple(remarks))
