"""A folder of images as a family of tasks: each class is a folder."""

from __future__ import annotations

import statistics
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from innerloop.arguments import checked
from innerloop.episodes import Span, as_span
from innerloop.errors import InputError, not_one_of
from innerloop.language import say
from innerloop.tasks.base import DRAWN, SPLITS, Tasks
from innerloop.tasks.images.bank import ImageBank, check_size, image_tasks
from innerloop.tasks.images.folder import Folder, read_folder
from innerloop.tasks.images.inputs import ImageInputs
from innerloop.tasks.images.pixels import FITS, Unreadable, is_grey, open_image
from innerloop.tasks.images.prepared import Prepared, prepare
from innerloop.tasks.splitting import SplitSource
from innerloop.tasks.units import Division, divide

SIZES = (28, 56, 84)  # what is guessed: the largest that is no larger than the images
LOOKED_AT = 64  # images from which colour and size are guessed


@checked(folder="'photos'")
def images(
    folder: str | PathLike[str],
    *,
    ways: Span | None = None,
    shots: Span = DRAWN,
    queries: Span = (1, 15),
    size: int | None = None,
    grey: bool | None = None,
    fit: str = "stretch",
    splits: SplitSource | None = None,
    by: str | None = None,
    seed: int = 0,
    content: str | None = None,
) -> Tasks:
    """The images of a folder, one folder per class: folder/class/*.jpg or folder/group/class/*.jpg.

    Formats, modes (palette, CMYK, 16 bits, transparency, EXIF rotation) and sizes may be mixed. The
    images are resized once into a file in the cache folder, which is mapped to memory.

    ways: None for 5, or as many as the classes allow. queries: (1, 15) is as many as a class has
        beside its shots, up to 15; one number leaves out the classes that have fewer.
    size: of the square x; None guesses 28, 56 or 84. grey: None guesses. fit: "stretch", "crop"
        (the middle) or "pad" (black) where an image is no square.
    splits: {name: "train" | "validation" | "test"} of classes or groups, or a CSV or JSON file; or
        folders of these names at the top. Without them a hash of the name and `seed` decides,
        about 64 / 16 / 20 %, so that a new class moves no other.
    by: "group" keeps the classes of a group in one split, "class" does not; None: "group" where
        there are groups enough. "all" puts every class into every split: only to test on what was
        trained elsewhere.
    content: the digest that is expected; a warning says where the files are others.

    What cannot be read, and classes that are too small, are left out and named in `tasks.notes`.
    """
    check_settings(size, fit, by)
    found = Found.of(read_folder(folder), size=size, grey=grey, fit=fit)
    division = divide(found.classes, ways, splits=splits or found.folder.split, by=by, seed=seed)
    settings = {
        "folder": str(found.folder.root),
        "size": found.inputs.size,
        "grey": found.inputs.channels == 1,
        "fit": fit,
        "splits": portable(splits),
        "by": by,
        "seed": seed,
        "content": found.content,
    }
    remarks = (*found.remarks, *division.remarks)
    told = remarks if content is None else changed(found, content)
    for sentence in told:
        warnings.warn(sentence, stacklevel=3)
    return image_tasks(
        "images",
        found.banks(division),
        ways=division.ways,
        shots=as_span("shots", shots),
        queries=as_span("queries", queries),
        small="leave out",
        inputs=found.inputs,
        remarks=remarks,
        **settings,
    )


@dataclass(frozen=True, eq=False)
class Found:
    """A folder's images, prepared. guessed: {"size", "grey"} where nobody said."""

    folder: Folder
    inputs: ImageInputs
    prepared: Prepared
    guessed: dict[str, Any]

    @classmethod
    def of(cls, folder: Folder, *, size: int | None, grey: bool | None, fit: str) -> Found:
        guessed: dict[str, Any] = {}
        if size is None or grey is None:
            sizes, all_grey = look_at(folder)
            if size is None:
                size = guessed["size"] = guess_size(sizes)
            if grey is None:
                grey = guessed["grey"] = all_grey
        inputs = ImageInputs(channels=1 if grey else 3, size=size, fit=fit)
        names = [name for files in folder.files.values() for name in files]
        found = cls(folder, inputs, prepare(folder.root, names, **inputs.settings), guessed)
        if not found.classes:
            raise InputError(
                f"none of the {folder.image_count} images in {str(folder.root)!r} can be read: "
                f"{names[0]!r}: {found.prepared.problems[0]}; give others.",
                f"{str(folder.root)!r} 中的 {folder.image_count} 张图像均无法读取："
                f"{names[0]!r}：{found.prepared.problems[0]}；请换其他图像。",
            )
        return found

    @property
    def names(self) -> list[str]:
        return [name for files in self.folder.files.values() for name in files]

    @property
    def content(self) -> str:
        return self.prepared.content(self.names)

    @property
    def rows(self) -> dict[str, np.ndarray]:
        """Of each class the rows of the images that can be read."""
        rows, first = {}, 0
        for name, files in self.folder.files.items():
            all_rows = range(first, first + len(files))
            good = [row for row in all_rows if row not in self.prepared.problems]
            rows[name] = np.array(good, dtype=np.int64)
            first += len(files)
        return rows

    @property
    def classes(self) -> list[str]:
        return [name for name, rows in self.rows.items() if len(rows)]

    @property
    def unreadable(self) -> dict[str, str]:
        """{file: what is wrong with it}"""
        names = self.names
        wrong = {names[row]: reason for row, reason in self.prepared.problems.items()}
        return wrong | {
            name: say("a link that leads nowhere", "失效的链接") for name in self.folder.broken
        }

    def banks(self, division: Division) -> dict[str, ImageBank]:
        rows = self.rows
        banks = {}
        for split in SPLITS:
            names = division.classes(split)
            order = np.concatenate([rows[name] for name in names])
            counts = tuple(len(rows[name]) for name in names)
            groups = tuple(self.folder.group(name) for name in names)
            banks[split] = ImageBank(
                self.prepared.images, counts, tuple(names), groups, order=order
            )
        return banks

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is wrong with the folder, as sentences."""
        folder, said = self.folder, []
        if wrong := self.unreadable:
            name, reason = next(iter(wrong.items()))
            said.append(
                say(
                    f"{counted(len(wrong), 'image')} left out as unreadable, first {name!r}: "
                    f"{reason}; replace or delete.",
                    f"{len(wrong)} 张图像无法读取而未使用，最先的是 {name!r}：{reason}；请替换或删除。",
                )
            )
        barren = [*folder.empty, *(n for n in folder.files if n not in set(self.classes))]
        if barren:
            said.append(
                say(
                    f"{counted(len(barren), 'folder')} left out for want of an image that can be "
                    f"read: {shortened(barren)}; fill or delete.",
                    f"{len(barren)} 个文件夹中没有可读的图像而未使用：{shortened(barren)}；请补充或删除。",
                )
            )
        if folder.loose:
            said.append(
                say(
                    f"{counted(len(folder.loose), 'image')} left out, outside any class folder: "
                    f"{shortened(folder.loose)}; move each into its class.",
                    f"{len(folder.loose)} 张图像不在任何类别文件夹中而未使用：{shortened(folder.loose)}；"
                    "请移入相应类别。",
                )
            )
        if folder.shared:
            said.append(
                say(
                    f"{counted(len(folder.shared), 'class', 'classes')} in more than one of the "
                    f"folders train, validation and test ({shortened(folder.shared)}), but tests "
                    "must be of classes never trained on: the folders are put together and split "
                    "by class.",
                    f"{len(folder.shared)} 个类别同时出现在 train、validation、test 中的多个文件夹"
                    f"（{shortened(folder.shared)}），而测试任务的类别不得参与训练：已合并这些文件夹并按类别划分。",
                )
            )
        return tuple(said)


def look_at(folder: Folder) -> tuple[list[tuple[int, int]], bool]:
    """(width and height, whether all are grey) of some images, evenly spread."""
    names = [name for files in folder.files.values() for name in files]
    sizes, grey = [], True
    for n in np.unique(np.linspace(0, len(names) - 1, LOOKED_AT).astype(int)):
        try:
            image: Image.Image = open_image(folder.root / names[n])
        except Unreadable:
            continue
        sizes.append(image.size)
        grey = grey and is_grey(image)
    return sizes, grey


def guess_size(sizes: list[tuple[int, int]]) -> int:
    """
    >>> guess_size([(105, 105)]), guess_size([(640, 60)]), guess_size([(8, 8)])
    (84, 56, 28)
    """
    side = statistics.median(min(size) for size in sizes) if sizes else 0
    return max([s for s in SIZES if s <= side], default=SIZES[0])


def check_settings(size: int | None, fit: str, by: str | None) -> None:
    if size is not None:
        check_size(size)
    if fit not in FITS:
        raise not_one_of("fit", FITS, fit)
    if by not in (None, "class", "group", "all"):
        raise not_one_of("by", ("class", "group", "all"), str(by))


def portable(splits: SplitSource | None) -> Any:
    """Splits as a run writes them down: a file by its full path."""
    return str(Path(splits).resolve()) if isinstance(splits, str | PathLike) else splits


def changed(found: Found, content: str) -> tuple[str, ...]:
    if found.content == content:
        return ()
    return (
        say(
            f"the images in {str(found.folder.root)!r} are no longer those that the run was made "
            "with: some were added, removed or changed; its figures may differ.",
            f"{str(found.folder.root)!r} 中的图像与运行时不同：有增加、删除或修改；结果可能不同。",
        ),
    )


def counted(count: int, one: str, many: str = "") -> str:
    """
    >>> counted(1, "image"), counted(2, "class", "classes")
    ('1 image', '2 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def shortened(names: Any, most_names: int = 5) -> str:
    names = [repr(name) for name in names]
    return ", ".join(names[:most_names]) + (", ..." if len(names) > most_names else "")
