"""What lies in a folder of images: classes, groups, and what is no image."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from innerloop.errors import InputError
from innerloop.tasks.images.pixels import SUFFIXES
from innerloop.tasks.splitting import split_word


@dataclass(frozen=True)
class Folder:
    """Images by class. A class is a folder that holds images; its name is the path to it.

    root: the folder, resolved. files: class name -> its images' paths below the root, sorted.
    split: class name -> "train", "validation" or "test", where folders at the top are named so
        (such a folder is no part of the class's name).
    shared: classes that are in more than one of them, and were therefore put together.
    loose: images outside any class folder. empty: folders without an image in or below them.
    others, hidden: how many files are no images; how many are hidden.
    broken: links that lead nowhere.
    """

    root: Path
    files: dict[str, tuple[str, ...]]
    split: dict[str, str]
    shared: tuple[str, ...]
    loose: tuple[str, ...]
    empty: tuple[str, ...]
    broken: tuple[str, ...]
    others: int
    hidden: int

    @property
    def layout(self) -> str:
        """ "class" or "group/class": whether every class folder lies in a further folder."""
        return "group/class" if all("/" in name for name in self.files) else "class"

    def group(self, name: str) -> str:
        """ "Korean/07" -> "Korean"; a class without a group is in the root's."""
        return name.rpartition("/")[0] or self.root.name

    @property
    def image_count(self) -> int:
        return sum(map(len, self.files.values()))


def read_folder(path: str | os.PathLike[str]) -> Folder:
    """Walk through the folder, following links; only names are read."""
    root = Path(path).expanduser()
    if not root.exists():
        raise InputError(
            f"there is no folder {str(path)!r}; give the path of a folder of image classes.",
            f"没有文件夹 {str(path)!r}；请给出按类别存放图像的文件夹路径。",
        )
    if not root.is_dir():
        raise InputError(
            f"images come in a folder with one folder per class, but {str(path)!r} is a file; give "
            "the folder.",
            f"图像应放在每个类别一个子文件夹的文件夹中，但 {str(path)!r} 是文件；请给出文件夹。",
        )
    root = root.resolve()
    found: dict[str, list[str]] = defaultdict(list)
    folders, broken, counts = set(), [], Counter[str]()
    for place, names in walk(root, counts):
        folders.add(place)
        for name in names:
            if is_hidden(name):
                counts["hidden"] += 1
            elif Path(name).suffix.lower() not in SUFFIXES:
                counts["others"] += 1
            elif not os.path.exists(root / place / name):
                broken.append(f"{place}/{name}".lstrip("/"))
            else:
                found[place].append(f"{place}/{name}".lstrip("/"))
    loose = tuple(sorted(found.pop("", [])))
    if not found:
        raise no_classes(root, loose, counts["others"])
    split, shared, classes = named_splits(found)
    full = {part for place in found for part in parents(place)}
    files = {name: tuple(sorted(classes[name])) for name in sorted(classes)}
    empty = tuple(sorted(folders - full - {""}))
    return Folder(
        root,
        files,
        split,
        shared,
        loose,
        empty,
        tuple(sorted(broken)),
        counts["others"],
        counts["hidden"],
    )


def walk(root: Path, counts: Counter[str]) -> list[tuple[str, list[str]]]:
    """[(folder below the root as a/b, names of its files)]; a loop of links is walked once."""
    found = []

    def complain(problem: OSError) -> None:
        raise InputError(
            f"{problem.filename!r} cannot be read ({problem.strerror}); allow it, or move it away.",
            f"无法读取 {problem.filename!r}（{problem.strerror}）；请授予权限或将其移走。",
        )

    for place, folders, names in os.walk(root, followlinks=True, onerror=complain):
        counts["hidden"] += sum(map(is_hidden, folders))
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
        folders[:] = sorted(n for n in folders if not is_hidden(n) and not within(real[n], place))
        below = Path(place).relative_to(root).as_posix()
        found.append(("" if below == "." else below, sorted(names)))
    return found


def within(target: str, place: str) -> bool:
    """Whether a folder leads back to one of the folders that it lies in."""
    here = os.path.realpath(place)
    return here == target or here.startswith(target + os.sep)


def is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX", "~$")) or name in ("Thumbs.db", "desktop.ini")


def parents(place: str) -> list[str]:
    """ "a/b" -> ["a/b", "a"]"""
    parts = place.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]


def named_splits(
    found: dict[str, list[str]],
) -> tuple[dict[str, str], tuple[str, ...], dict[str, list[str]]]:
    """(split by class, classes in several splits, files by class) where every folder at the top is
    named like a split and train and test are there; else no split, and the files as they are."""
    tops = {place.split("/")[0] for place in found}
    words = {top: split_word(top) for top in tops}
    deep = all("/" in place for place in found)
    if not deep or None in words.values() or not {"train", "test"} <= set(words.values()):
        return {}, (), dict(found)
    classes: dict[str, list[str]] = defaultdict(list)
    where: dict[str, set[str]] = defaultdict(set)
    for place, files in found.items():
        top, _, name = place.partition("/")
        classes[name] += files
        where[name].add(str(words[top]))
    shared = tuple(sorted(name for name, splits in where.items() if len(splits) > 1))
    if shared:  # one cannot be tested on classes that one has trained on
        return {}, shared, dict(classes)
    return {name: next(iter(splits)) for name, splits in where.items()}, (), dict(classes)


def no_classes(root: Path, loose: tuple[str, ...], others: int) -> InputError:
    if loose:
        return InputError(
            f"images must lie in one folder per class, but the {len(loose)} in {str(root)!r} lie "
            "side by side; make a folder for each class.",
            f"图像应按类别分文件夹存放，但 {str(root)!r} 中的 {len(loose)} 张图像并排存放；"
            "请为每个类别建一个文件夹。",
        )
    return InputError(
        f"{str(root)!r} must hold folders of images, but there is no image in it ({others} other "
        "files); give a folder with one folder per class.",
        f"{str(root)!r} 应包含图像文件夹，但其中没有图像（有 {others} 个其他文件）；"
        "请给出每个类别一个子文件夹的文件夹。",
    )
