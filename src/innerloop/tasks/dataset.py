"""A torch Dataset with labels, or one of Hugging Face, as tasks."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Span
from innerloop.errors import InputError, shown
from innerloop.language import say
from innerloop.tasks.arrays import arrays
from innerloop.tasks.base import Tasks
from innerloop.tasks.cache import cache_folder, progress
from innerloop.tasks.images.family import LOOKED_AT, guess_size
from innerloop.tasks.images.inputs import ImageInputs
from innerloop.tasks.images.pixels import as_images, is_grey, pixels
from innerloop.tasks.images.prepared import one_by_one
from innerloop.tasks.mapped import kept
from innerloop.tasks.splitting import SplitSource

IN_MEMORY = 512 << 20  # bytes of prepared images; more of them go into a file mapped to memory
LABELS = ("label", "labels", "fine_label", "class", "target", "targets", "y")


@checked()
def dataset(
    data: Any,
    *,
    ways: Span | None = None,
    shots: Span | None = None,
    queries: Span = (1, 15),
    x: str | int | None = None,
    y: str | int | None = None,
    groups: str | int | None = None,
    size: int | None = None,
    grey: bool | None = None,
    fit: str = "stretch",
    splits: SplitSource | None = None,
    seed: int = 0,
    cache: str | None = None,
) -> Tasks:
    """The rows of a dataset as tasks: a torch Dataset of (x, y) items, or one of Hugging Face.

    x, y, groups: a column of a Hugging Face dataset (or key of items that are dicts), or a place in
        items that are tuples; None: the image or the only other column, the label, no groups.
        The labels of a torch Dataset are read from its `targets` where it has them.
    Images (PIL or uint8 arrays, of any sizes) are resized as `images` does; other x must be arrays
    of one shape. Everything is read once, in order: more than half a gigabyte of images goes into a
    file that is mapped to memory, which lasts as long as the process, or for a Hugging Face dataset
    as long as the cache.
    cache: a name under which the images of another dataset are kept as well; change it when they do.
    The rest is as in `arrays`.

    >>> rows = [(torch.full((3,), float(n)), n // 10) for n in range(90)]
    >>> dataset(rows, ways=2).test.sample().support.x.shape
    torch.Size([1, 2, 3])
    """
    source = Source.of(data, x, y, groups)
    labels, tasks_of_rows = source.labels(), source.column(source.groups)
    first = source.input(0)
    if is_image(first):
        sample = [source.input(int(n)) for n in spread(len(source))]
        looked = [image for one in sample for image in as_images(one)]
        inputs = ImageInputs(
            channels=1 if (all(map(is_grey, looked)) if grey is None else grey) else 3,
            size=size or guess_size([image.size for image in looked]),
            fit=fit,
        )
        rows: Any = prepared_images(source, inputs, cache)
    else:
        inputs, rows = None, stacked(source)
    tasks = arrays(
        rows,
        labels,
        tasks_of_rows,
        ways=ways,
        shots=shots,
        queries=queries,
        splits=splits,
        seed=seed,
    )
    return replace(tasks, name="dataset", inputs=inputs or tasks.inputs)


class Source:
    """Items of a dataset by place, whatever they are called."""

    def __init__(self, data: Any, x: Any, y: Any, groups: Any):
        self.data, self.x, self.y, self.groups = data, x, y, groups

    @classmethod
    def of(cls, data: Any, x: Any, y: Any, groups: Any) -> Source:
        columns = getattr(data, "column_names", None)
        if isinstance(columns, dict):
            names = ", ".join(map(repr, columns))
            raise InputError(
                f"dataset takes one dataset, got a dictionary of {names}; pass one of them, or all by "
                "datasets.concatenate_datasets.",
                f"dataset 需要一个数据集，收到包含 {names} 的字典；请传入其中之一，或用 "
                "datasets.concatenate_datasets 合并。",
            )
        what = shown(data)
        if not hasattr(data, "__len__") or not hasattr(data, "__getitem__") or not len(data):
            raise InputError(
                f"dataset needs rows that are counted and numbered (len and [n]), got {what}; read a "
                "stream into a list first.",
                f"dataset 需要可按序号访问的非空数据集，收到 {what}；请先把数据流读入列表。",
            )
        item = data[0]
        keys = list(columns) if columns else list(item) if isinstance(item, dict) else None
        if keys is None:
            if not isinstance(item, tuple | list) or len(item) < 2:
                raise InputError(
                    f"items must be pairs (x, y), got {type(item).__name__}; let __getitem__ return "
                    "both.",
                    f"每一项应为 (x, y)，收到 {type(item).__name__}；请让 __getitem__ 返回两者。",
                )
            return cls(data, 0 if x is None else x, 1 if y is None else y, groups)
        y = y if y is not None else guess_label(data, keys)
        others = [key for key in keys if key not in (y, groups)]
        if x is None:
            pictures = [key for key in others if is_image(item[key])]
            x = (pictures or others)[0] if len(pictures) == 1 or len(others) == 1 else None
        for role, name in (("x", x), ("y", y), *([("groups", groups)] if groups else [])):
            if name not in keys:
                raise InputError(
                    f"{role} must be one of the columns {', '.join(map(str, keys))}, got {name!r}; "
                    f"pass {role}=.",
                    f"{role} 必须是列 {', '.join(map(str, keys))} 之一，收到 {name!r}；请传入 {role}=。",
                )
        return cls(data, x, y, groups)

    def __len__(self) -> int:
        return len(self.data)

    def input(self, n: int) -> Any:
        return self.data[n][self.x]

    def labels(self) -> Any:
        """The labels by their names where the dataset has some."""
        targets = getattr(self.data, "targets", None)
        if targets is not None and self.y == 1 and len(targets) == len(self):
            found = np.asarray(targets.detach().cpu() if isinstance(targets, Tensor) else targets)
            names = getattr(self.data, "classes", None)
        else:
            found = self.column(self.y)
            feature = (getattr(self.data, "features", None) or {}).get(self.y)
            names = getattr(feature, "names", None)
        names = names if isinstance(names, list | tuple) and found.dtype.kind in "iu" else None
        if names and int(found.min()) >= 0 and int(found.max()) < len(set(names)) == len(names):
            return np.asarray(names, dtype=object).astype(str)[found]
        return found

    def column(self, name: Any) -> Any:
        if name is None:
            return None
        if getattr(self.data, "column_names", None):
            return np.asarray(self.data[name])
        read = progress(range(len(self)), say("reading labels", "读取标签"))
        return np.asarray([plain(self.data[n][name]) for n in read])

    @property
    def fingerprint(self) -> str | None:
        """What Hugging Face calls the content of a dataset."""
        return getattr(self.data, "_fingerprint", None)


def guess_label(data: Any, keys: Sequence[str]) -> Any:
    """The column of class labels, else one that is called like one."""
    features = getattr(data, "features", None) or {}
    classes = [key for key in keys if getattr(features.get(key), "names", None)]
    named = [key for key in LABELS if key in keys]
    found = classes if len(classes) == 1 else named
    return found[0] if found else None


def prepared_images(source: Source, inputs: ImageInputs, cache: str | None) -> Tensor:
    """(rows, channels, size, size) uint8, in memory or in a file that is mapped to it."""
    how: dict[str, Any] = inputs.settings
    shape = (len(source), inputs.channels, inputs.size, inputs.size)
    doing = say("preparing images", "处理图像")

    def row(n: int) -> np.ndarray:
        try:
            [image] = as_images(source.input(n))
            return pixels(image, **how)
        except (OSError, SyntaxError) as problem:
            raise InputError(
                f"every item must be readable, but the image of row {n} is not ({problem}); repair "
                "or leave it out.",
                f"每一项都应可读，但第 {n} 行的图像无法读取（{problem}）；请修复或去掉。",
            ) from None

    name = cache or source.fingerprint
    if name is not None:
        key = re.sub(r"\W+", "-", f"{name} {shape} {inputs.fit} {source.x}").strip("-")
        short = hashlib.blake2b(key.encode(), digest_size=6).hexdigest()
        with suppress(OSError):
            folder = cache_folder() / "images" / f"dataset-{key[:60]}-{short}"
            blocks = one_by_one(lambda n: (row(n), "", "", (0, 0)), len(source))
            return torch.from_numpy(kept(folder, shape, blocks, doing=doing)[0])
    made = progress(range(len(source)), doing)
    size = int(np.prod(shape))
    images = np.empty(shape, dtype=np.uint8) if size <= IN_MEMORY else on_disk(shape, size)
    for n in made:
        images[n] = row(n)
    return torch.from_numpy(images)


def on_disk(shape: tuple[int, ...], size: int) -> np.ndarray:
    """An array in a file without a name, which is gone when the process is."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    return np.memmap(file, dtype=np.uint8, mode="r+", shape=shape)


def stacked(source: Source) -> Any:
    """Arrays of one shape as one array; a dict of them as a dict."""
    items = list(inputs_of(source))
    try:
        if isinstance(items[0], dict):
            return {key: torch.stack([item[key] for item in items]) for key in items[0]}
        return torch.stack(items)
    except (RuntimeError, KeyError):
        shapes = sorted({str(tuple(getattr(item, "shape", ()))) for item in items})[:3]
        raise InputError(
            f"inputs that are no images must have one shape, got {', '.join(shapes)}; pad them "
            "first.",
            f"非图像的输入必须形状相同，收到 {', '.join(shapes)}；请先填充。",
        ) from None


def inputs_of(source: Source) -> Iterator[Any]:
    for n in progress(range(len(source)), say("reading rows", "读取数据")):
        item = source.input(n)
        if isinstance(item, dict):
            yield {key: torch.as_tensor(np.asarray(value)) for key, value in item.items()}
        elif isinstance(item, str):
            raise InputError(
                f"x must be images or arrays, and row {n} is text; encode it first.",
                f"x 应为图像或数组，而第 {n} 行是文本；请先编码。",
            )
        else:
            yield item if isinstance(item, Tensor) else torch.as_tensor(np.asarray(item))


def is_image(item: Any) -> bool:
    """A PIL image, or a uint8 array of two dimensions or more."""
    if hasattr(item, "convert") and hasattr(item, "mode"):
        return True
    dtype = str(getattr(item, "dtype", ""))
    return dtype in ("uint8", "torch.uint8") and getattr(item, "ndim", 0) >= 2


def plain(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def spread(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, LOOKED_AT).astype(int))
