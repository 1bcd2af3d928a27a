"""What a folder of images holds, what is wrong with it, and what was guessed, before any training."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Mapping
from os import PathLike
from typing import Any

from innerloop.errors import InputError
from innerloop.language import say
from innerloop.tasks.base import SPLITS
from innerloop.tasks.images.family import Found, check_settings, counted, images, shortened
from innerloop.tasks.images.folder import read_folder
from innerloop.tasks.units import divide

FIRST = 20  # of every kind of fault so many are named
SMALLEST = 4  # pixels: what is narrower is a speck


def image_facts(folder: str | PathLike[str], **how: Any) -> dict[str, Any]:
    """What `images(folder, **how)` finds, as JSON.

    ready: whether one can train on it as it is. problem: why not, else None. wrong: sentences;
    the details are in `unreadable`, `empty`, `small`, `specks` and `duplicates`. guessed: sentences.
    """
    size, grey, fit = how.get("size"), how.get("grey"), how.get("fit", "stretch")
    check_settings(size, fit, how.get("by"))
    found = Found.of(read_folder(folder), size=size, grey=grey, fit=fit)
    ways, splits = how.get("ways"), how.get("splits") or found.folder.split
    facts = {**described(found), "ready": True, "problem": None, "splits": {}, "small": []}
    split: Mapping[str, str] = {}
    said: list[str] = list(found.remarks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            by = {"by": how.get("by"), "seed": how.get("seed", 0)}
            division = divide(found.classes, ways, splits=splits, **by)
            split = division.split
            said += division.remarks
            facts["splits"] = {s: bank.summary() for s, bank in found.banks(division).items()}
            facts["guessed"] += guesses(how, division.by, division.ways)
            tasks = images(folder, **how)
            said += [note for note in tasks.notes if note not in said]
            facts["small"] = sorted({n for s in SPLITS for n in tasks.split(s).left_out})  # type: ignore[attr-defined]
            facts["ways"], facts["shots"] = tasks.train.ways, tasks.train.shots
            facts["queries"] = tasks.train.queries
        except InputError as problem:
            facts["ready"], facts["problem"] = False, str(problem)
    pairs = duplicates(found, split)
    facts["duplicates"] = {kind: named[:FIRST] for kind, named in pairs.items()}
    facts["wrong"] = said + told(pairs, facts["specks"])
    return facts


def described(found: Found) -> dict[str, Any]:
    folder, unreadable = found.folder, found.unreadable
    sizes = [size for size in found.prepared.sizes if size != (0, 0)]
    counts = {name: len(rows) for name, rows in found.rows.items() if len(rows)}
    known = zip(found.names, found.prepared.sizes, strict=True)
    specks = [name for name, size in known if 0 < min(size) < SMALLEST]
    guessed = []
    if "size" in found.guessed:
        guessed.append(
            say(
                f"images are resized to {found.inputs.size} x {found.inputs.size} (--size)",
                f"图像缩放为 {found.inputs.size} x {found.inputs.size}（--size）",
            )
        )
    if "grey" in found.guessed:
        colour = say("grey", "灰度") if found.guessed["grey"] else say("colour", "彩色")
        guessed.append(
            say(
                f"images are taken as {colour} (--grey true|false)", f"图像按{colour}处理（--grey）"
            )
        )
    return {
        "source": str(folder.root),
        "kind": "images",
        "layout": f"{folder.layout}/image",
        "classes": len(counts),
        "groups": len({folder.group(name) for name in counts}),
        "images": sum(counts.values()),
        "images_per_class": [min(counts.values()), max(counts.values())],
        "sizes": {
            "smallest": spelt_size(min(sizes, key=math.prod)),
            "largest": spelt_size(max(sizes, key=math.prod)),
        },
        "grey": found.inputs.channels == 1,
        "size": found.inputs.size,
        "unreadable": dict(list(unreadable.items())[:FIRST]),
        "unreadable_count": len(unreadable),
        "empty": list(folder.empty)[:FIRST],
        "loose": list(folder.loose)[:FIRST],
        "specks": specks[:FIRST],
        "not_images": folder.others,
        "hidden": folder.hidden,
        "guessed": guessed,
        "content": found.content,
    }


def spelt_size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def guesses(how: dict[str, Any], by: str, ways: Any) -> list[str]:
    told = []
    if how.get("ways") is None:
        told.append(say(f"tasks have {ways} ways (--ways)", f"每个任务 {ways} 类（--ways）"))
    if how.get("by") is None and by != "given":
        unit = say(by, {"class": "类别", "group": "分组"}[by])
        told.append(
            say(
                f"splits are made by {unit}, by a hash of its name (--by, --splits FILE)",
                f"按{unit}名称的散列划分（--by、--splits 文件）",
            )
        )
    return told


def duplicates(found: Found, split: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """Pairs of files with the same bytes: within a class, in two classes, in two splits."""
    where = {n: name for name, files in found.folder.files.items() for n in files}
    same: dict[str, list[str]] = defaultdict(list)
    for name, digest in zip(found.names, found.prepared.digests, strict=True):
        if digest:
            same[digest].append(name)
    pairs: dict[str, list[list[str]]] = {"class": [], "classes": [], "splits": []}
    for first, *others in same.values():
        for other in others:
            a, b = where[first], where[other]
            apart = "classes" if split.get(a) == split.get(b) else "splits"
            pairs["class" if a == b else apart].append([first, other])
    return pairs


def told(pairs: dict[str, list[list[str]]], specks: list[str]) -> list[str]:
    said = []
    places = {
        "splits": (
            "in two splits, so that a test would meet what was trained on",
            "跨划分重复，测试会遇到训练过的图像",
        ),
        "classes": (
            "in two classes, of which one must be wrong",
            "出现在两个类别中，必有一个标签有误",
        ),
        "class": (
            "twice in a class, so that support and query may share it",
            "在同一类别中重复，支持集与查询集可能相同",
        ),
    }
    for kind, (en, zh) in places.items():
        if pairs[kind]:
            first, other = pairs[kind][0]
            count = len(pairs[kind])
            said.append(
                say(
                    f"the same image {en}: {counted(count, 'time')}, first {first!r} and {other!r}; "
                    "delete one of each.",
                    f"{count} 张图像{zh}：{first!r} 与 {other!r} 相同；请各删去一张。",
                )
            )
    if specks:
        said.append(
            say(
                f"less than {SMALLEST} pixels wide or high: {shortened(specks)}; delete or replace.",
                f"宽或高不足 {SMALLEST} 像素：{shortened(specks)}；请删除或替换。",
            )
        )
    return said
