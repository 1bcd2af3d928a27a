"""A user's x, raw or in arrays, as the rows of tensors that a learner takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from innerloop.core import Meta
from innerloop.errors import InnerloopError, InputError, reason
from innerloop.outer import Learner
from innerloop.tasks.inputs import Inputs
from innerloop.tree import Tree, rows, tree_leaves, tree_map

UNIT = ("images", "drawings")  # kinds of inputs whose x lies between 0 and 1
FAR = 32.0  # between standardised numbers and bytes


def as_rows(x: Any, learner: Learner, meta: Meta, inputs: Inputs | None = None) -> Tree:
    """x (rows, ...) as tensors of the learner's numbers, on the device of its weights.

    Raw inputs (files, images, tables) go through `inputs`; arrays and tensors are x already.
    """
    if inputs is not None and is_raw(x) and x is not None:
        x = inputs.x([x] if is_one(x, inputs) else x)
    kind, device = numbers_of(meta)
    keeps_integers = embeds(learner)

    def one(leaf: Any) -> Tensor:
        made = as_tensor(leaf)
        keep = keeps_integers and not made.is_floating_point()
        return made.to(device) if keep else made.to(device, kind)

    made = one(x) if isinstance(x, list) else tree_map(one, x)
    check_rows(made)
    if inputs is not None and inputs.name in UNIT and isinstance(made, Tensor):
        check_unit(made)
    return made


def check_unit(images: Tensor) -> None:
    """Images are ink or light between 0 and 1; 0 to 255 would be answered with nonsense."""
    if images.numel() and (most := float(images.abs().max())) > FAR:
        raise InputError(
            f"images are numbers between 0 and 1, as in training, got up to {most:g}; pass images as "
            "x / 255.",
            f"图像应为与训练时相同的 0 到 1 之间的数，收到的最大值为 {most:g}；图像请传 x / 255。",
        )


def one_task(x: Any, column: str | None) -> None:
    """Rows of a table that name their task must name one: several would be learnt as one."""
    if column is None or column not in getattr(x, "columns", ()):
        return
    found = list(dict.fromkeys(map(str, x[column])))
    if len(found) > 1:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise InputError(
            f"one task is learnt at a time, but {column!r} names {len(found)} in these rows ({some}); "
            "pass the rows of one.",
            f"一次只学习一个任务，但这些行中的 {column!r} 有 {len(found)} 个取值（{some}）；请只给出其中一个的行。",
        )


def as_tensor(leaf: Any) -> Tensor:
    """An array, a list or a tensor that holds numbers."""
    if isinstance(leaf, list) and leaf and all(isinstance(row, Tensor) for row in leaf):
        leaf = torch.stack(leaf) if len({row.shape for row in leaf}) == 1 else None
    if isinstance(leaf, Tensor):
        made = leaf.detach()
    else:
        try:
            array = np.asarray(leaf)
        except ValueError:  # rows of several lengths
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            raise InputError(
                f"x must hold numbers, all rows of one shape, got {described(leaf)}; pass an array "
                "(rows, ...) or a tensor.",
                f"x 应为数字且各行形状相同，收到 {described(leaf)}；请传入数组 (行, ...) 或张量。",
            )
        made = torch.as_tensor(array.copy() if not array.flags.writeable else array)
    if made.is_complex() or (made.dtype == torch.uint8 and made.dim() > 2):
        what = "complex numbers" if made.is_complex() else "bytes (uint8), as images have them"
        raise InputError(
            f"x must hold real numbers as in training, got {what}; pass images as x / 255.",
            f"x 应为与训练时相同的实数，收到 {made.dtype}；图像请传 x / 255。",
        )
    return made


def check_rows(made: Tree) -> None:
    """Every leaf has the rows, and every number is finite."""
    leaves = tree_leaves(made)
    if not leaves or any(leaf.dim() == 0 for leaf in leaves):
        raise InputError(
            "x must have one row per input, got a single number or nothing; pass an array (rows, ...).",
            "x 应为每个输入一行，收到单个数字或空值；请传入数组 (行, ...)。",
        )
    if len({len(leaf) for leaf in leaves}) > 1:
        counts = ", ".join(str(len(leaf)) for leaf in leaves)
        raise InputError(
            f"every part of x must have the same rows, got {counts}; cut them to one length.",
            f"x 的各部分行数必须相同，收到 {counts}；请统一长度。",
        )
    for leaf in leaves:
        if leaf.is_floating_point() and (row := first_bad(leaf)) is not None:
            raise InputError(
                f"x must be finite, but row {row} (counted from 0) holds NaN or infinity; fill it in "
                "or leave the row out.",
                f"x 必须为有限值，但第 {row} 行（从 0 计）含有 NaN 或无穷；请填补或去掉该行。",
            )


def first_bad(numbers: Tensor) -> int | None:
    """The first row that is not finite."""
    if not numbers.numel():
        return None
    good = numbers.isfinite().flatten(1).all(1) if numbers.dim() > 1 else numbers.isfinite()
    return None if good.all() else int((~good).nonzero()[0])


def check_form(form: Tree, made: Tree) -> None:
    """Rows to answer are like those of the support set: (0, ...) in `form`."""
    known, new = ([tuple(leaf.shape[1:]) for leaf in tree_leaves(t)] for t in (form, made))
    if known == new:
        return
    shapes = [", ".join(f"(rows, {', '.join(map(str, s))})" for s in side) for side in (known, new)]
    forgot = [(n, *s) for s, n in zip(new, (rows(made),), strict=False)] == known
    en, zh = ("; for one input pass x[None]", "；单个输入请传 x[None]") if forgot else ("", "")
    raise InputError(
        f"x must have rows shaped like the support set's, {shapes[0]}, got {shapes[1]}"
        f"{en or '; give the inputs that the task was adapted on'}.",
        f"x 每行的形状应与支持样本相同：{shapes[0]}，收到 {shapes[1]}{zh or '；请给出与支持样本相同的输入'}。",
    )


@contextmanager
def network_errors(learner: Learner, made: Tree) -> Iterator[None]:
    """What a network says of rows that it cannot take, as one sentence."""
    try:
        yield
    except InnerloopError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype}" for x in tree_leaves(made))
        raise InputError(
            f"the network of {learner.spec.algorithm} cannot take x of shape {shapes}: {reason(error)}; give "
            "rows shaped as in training.",
            f"{learner.spec.algorithm} 的网络无法处理形状为 {shapes} 的 x：{reason(error)}；请给出与训练时形状相同的行。",
        ) from error


def is_raw(x: Any) -> bool:
    """Whether x is something that `Inputs` reads, and not an array in the shape of x."""
    if isinstance(x, list | tuple) and x:
        return is_raw(x[0])
    if isinstance(x, dict):
        return not all(isinstance(value, Tensor | np.ndarray) for value in x.values())
    if isinstance(x, np.ndarray) and x.dtype.kind in "UTO":  # of sentences
        return True
    return not isinstance(x, Tensor | np.ndarray | np.generic | int | float)


def is_one(x: Any, inputs: Inputs) -> bool:
    """Whether x is a single raw input: an image or its file, a table's row."""
    if isinstance(x, dict):
        return not any(isinstance(value, list | np.ndarray) for value in x.values())
    is_file = isinstance(x, str | Path) and inputs.name != "table"
    return is_file or (hasattr(x, "getbbox") and hasattr(x, "convert"))


def numbers_of(meta: Meta) -> tuple[torch.dtype, torch.device]:
    """The type and the place of the learner's weights."""
    for leaf in (*meta.params.values(), *meta.state.values()):
        if leaf.is_floating_point():
            return leaf.dtype, leaf.device
    return torch.float32, torch.device("cpu")


def embeds(learner: Learner) -> bool:
    """Whether the network takes whole numbers as they are: tokens, categories."""
    module = getattr(getattr(learner.method, "network", None), "module", None)
    modules = module.modules() if isinstance(module, nn.Module) else ()
    return any(isinstance(layer, nn.Embedding | nn.EmbeddingBag) for layer in modules)


def gives_tensors(x: Any) -> bool:
    return not isinstance(x, list) and any(isinstance(leaf, Tensor) for leaf in tree_leaves(x))


def like(x: Any, outputs: Tensor) -> Any:
    """Tensors for tensors, arrays for everything else."""
    return outputs if gives_tensors(x) else outputs.cpu().numpy()


def described(value: Any) -> str:
    """ "a list of str", "a DataFrame": what a user passed, in a word or two."""
    name = type(value).__name__
    if isinstance(value, list | tuple) and value:
        return f"a {name} of {type(value[0]).__name__}"
    return f"a {name}"
