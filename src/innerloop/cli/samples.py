"""Support sets and inputs as users have them: folders of images, tables, sentences, arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from innerloop.errors import InputError
from innerloop.tasks.images.pixels import SUFFIXES
from innerloop.tasks.inputs import Inputs
from innerloop.tasks.tables.reading import (
    is_table,
    numbers_of,
    read_table,
    require_column,
    values_of,
)
from innerloop.tasks.text.reading import read_texts

USUAL = ("label", "target", "class", "y", "disease", "diagnosis")
PACKETS = (".json",)  # a patient each


class Sample(NamedTuple):
    """names: what each row is called; x: raw inputs or arrays; y: labels or targets, or None."""

    names: list[str]
    x: Any
    y: Any


def read_support(path: Path, kind: str, inputs: Inputs | None, columns: Sequence[str]) -> Sample:
    """Examples with their labels or targets (`columns` of a table)."""
    if reads_patients(inputs) and path.is_dir():
        return class_folders(path, PACKETS)
    if path.is_dir():
        if kind != "classification":
            raise InputError(
                "a folder of class folders is for classification, and this run predicts numbers or "
                "several labels; give --support a table or an .npz with x and y.",
                "按类别分文件夹仅用于分类，而该运行预测数值或多个标签；--support 请给出表格或含 x、y 的 .npz。",
            )
        return class_folders(path)
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        need(path, arrays, "x", "y")
        return Sample(row_names(arrays["x"]), arrays["x"], arrays["y"])
    if reads_text(inputs):
        found = read_texts(path, label=columns[0] if columns else None)
        return Sample(found.texts, found.texts, found.labels)
    if is_table(path.name):
        frame = read_table(path)
        names = target_columns(path, frame, inputs, columns)
        for name in names:
            require_column(frame, name, "target")
        x = frame.drop(columns=names)
        return Sample(row_names(frame), features(path, x, inputs), answers(frame, names, kind))
    raise not_readable(
        path, "a folder of class folders, a table (.csv, .tsv, .parquet), or an .npz"
    )


def class_folders(path: Path, suffixes: Collection[str] = SUFFIXES) -> Sample:
    """FOLDER/class/image.png: every folder is a class."""
    found = {
        d.name: images_in(d, suffixes)
        for d in sorted(path.iterdir())
        if is_visible(d) and d.is_dir()
    }
    found = {name: files for name, files in found.items() if files}
    if not found:
        raise InputError(
            f"{str(path)!r} holds no class folders with images; put each class's images in a folder "
            "named after it.",
            f"{str(path)!r} 中没有含图像的类别文件夹；请把每个类别的图像放入以类别命名的文件夹。",
        )
    files = [file for held in found.values() for file in held]
    labels = [name for name, held in found.items() for _ in held]
    return Sample([str(f.relative_to(path)) for f in files], files, labels)


def read_inputs(paths: Sequence[Path], inputs: Inputs | None) -> list[Sample]:
    """What is to be answered: all images together, then every table and array by itself."""
    files, samples = [], []
    suffixes = PACKETS if reads_patients(inputs) else SUFFIXES
    for path in paths:
        if path.is_dir():
            held = images_in(path, suffixes)
            if not held:
                raise InputError(
                    f"{str(path)!r} holds no images (.png, .jpg and the like); name a folder or "
                    "file with some.",
                    f"{str(path)!r} 中没有图像；请给出含图像的文件夹或文件。",
                )
            files += held
        elif path.suffix.lower() in suffixes:
            files.append(must_exist(path))
        elif path.suffix in (".npz", ".npy"):
            arrays = read_arrays(path)
            need(path, arrays, "x")
            samples.append(Sample(row_names(arrays["x"]), arrays["x"], None))
        elif reads_text(inputs):
            found = read_texts(path, labelled=False)
            samples.append(Sample(found.texts, found.texts, None))
        elif is_table(path.name):
            frame = read_table(path)
            samples.append(Sample(row_names(frame), features(path, frame, inputs), None))
        else:
            raise not_readable(path, "images, folders of them, tables, .npz or .npy")
    images = [Sample([str(file) for file in files], files, None)] if files else []
    return images + samples


def reads_text(inputs: Inputs | None) -> bool:
    return inputs is not None and inputs.name == "text"


def reads_patients(inputs: Inputs | None) -> bool:
    return inputs is not None and inputs.name == "findings"


def images_in(path: Path, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    found = [p for p in sorted(path.rglob("*")) if p.suffix.lower() in suffixes and p.is_file()]
    return [p for p in found if is_visible(p)]


def is_visible(path: Path) -> bool:
    return not path.name.startswith(".")


def target_columns(
    path: Path, frame: Any, inputs: Inputs | None, columns: Sequence[str]
) -> list[str]:
    """Those asked for, else those of training, else one with a usual name."""
    names = list(columns) or list(getattr(inputs, "target_names", ()))
    names = names or [name for name in USUAL if name in frame.columns][:1]
    if not names:
        raise InputError(
            f"which column of {str(path)!r} holds the labels or targets? It has "
            f"{', '.join(map(str, frame.columns))}; name it with --target COLUMN.",
            f"{str(path)!r} 的哪一列是标签或目标？它有 {'、'.join(map(str, frame.columns))}；"
            "请用 --target 列名 指定。",
        )
    return names


def features(path: Path, frame: Any, inputs: Inputs | None) -> Any:
    """The frame as it is for `inputs`; without them its columns must be the numbers of x."""
    if inputs is not None and inputs.name in ("table", "findings"):
        return frame
    numbers = np.stack([numbers_of(frame[name]) for name in frame.columns], 1)
    if len(rows := np.argwhere(np.isnan(numbers))):
        row, column = rows[0]
        raise InputError(
            f"this run takes numbers, but column {frame.columns[column]!r} of {str(path)!r} has none in "
            f"row {row} (counted from 0); leave the column or the row out.",
            f"该运行只接受数字，但 {str(path)!r} 的列 {frame.columns[column]!r} 第 {row} 行（从 0 计）不是数字；"
            "请去掉该列或该行。",
        )
    return numbers


def answers(frame: Any, names: Sequence[str], kind: str) -> Any:
    """Labels (rows,) as text, or numbers (rows, out)."""
    if kind == "classification":
        return values_of(frame[names[0]])
    numbers = np.stack([numbers_of(frame[name]) for name in names], 1)
    return numbers[:, 0] if len(names) == 1 else numbers


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz, or the one of an .npy as x; nothing pickled."""
    must_exist(path)
    try:
        loaded = np.load(path, allow_pickle=False)
        return {"x": loaded} if isinstance(loaded, np.ndarray) else {n: loaded[n] for n in loaded}
    except Exception as error:
        raise InputError(
            f"{str(path)!r} cannot be read as arrays of numbers or text; write it with numpy.savez(x=..., "
            "y=...).",
            f"{str(path)!r} 无法作为数字或文本数组读取；请用 numpy.savez(x=..., y=...) 写入。",
        ) from error


def need(path: Path, arrays: dict[str, np.ndarray], *names: str) -> None:
    for name in names:
        if name not in arrays:
            held = ", ".join(arrays) or "nothing"
            raise InputError(
                f"{str(path)!r} must hold an array {name!r}, it has {held}; write it with "
                "numpy.savez(x=..., y=...).",
                f"{str(path)!r} 应含数组 {name!r}，现有 {held}；请用 numpy.savez(x=..., y=...) 写入。",
            )


def row_names(rows: Any) -> list[str]:
    return [str(n) for n in range(len(rows))] if np.ndim(rows) else ["0"]


def must_exist(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"there is no file {str(path)!r}; check the path.",
            f"没有文件 {str(path)!r}；请检查路径。",
        )
    return path


def not_readable(path: Path, known: str) -> InputError:
    if not path.exists():
        return InputError(
            f"there is no file or folder {str(path)!r}; check the path.",
            f"没有文件或文件夹 {str(path)!r}；请检查路径。",
        )
    return InputError(
        f"{str(path)!r} is nothing that can be read here: give {known}.",
        f"无法读取 {str(path)!r}：请给出图像文件夹、表格或 .npz 等文件。",
    )
