"""Inputs that a network cannot take: torch's complaint as a sentence about shapes and types."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from innerloop.errors import InputError
from innerloop.models.named import model_spec
from innerloop.tree import Tree, tree_leaves

WORDS = (  # of torch's complaints about shapes, then about types
    *("mat1 and mat2", "expected input", "Expected input", "Expected 2D", "Expected 3D"),
    *("Expected 4D", "size of tensor a", "invalid for input of size", "running_mean should"),
    *("weight should contain", "normalized_shape", "Given normalized", "too small", "unflatten"),
    *("Kernel size can't be", "Given input size", "Given groups", "Dimension out of range"),
    *("must be equal to input_size", "size mismatch", "forward() "),
    *("should be the same", "same dtype", "expected scalar type", "Expected tensor for argument"),
    *("index out of range", "not implemented for"),
)


class Mismatch(InputError, RuntimeError):
    """Also a RuntimeError, so that what fails for many tasks at once is tried one by one."""


def explained(error: Exception, module: nn.Module, x: Tree) -> Mismatch | None:
    """The sentence for torch's error, or None where it is about something else."""
    if isinstance(error, InputError) or not any(word in str(error) for word in WORDS):
        return None
    got = ", ".join(f"{tuple(leaf.shape)} {kind(leaf)}" for leaf in tree_leaves(x))
    name = type(module).__name__
    if (remedy := other_type(module, x)) is not None:
        return Mismatch(
            f"{name} cannot take x of shape and type {got}; pass {remedy}.",
            f"{name} 无法接受形状与类型为 {got} 的 x；请传入 {remedy}。",
        )
    wanted = expected(module, x)
    if wanted is None:
        reason = str(error).splitlines()[0][:160]
        return Mismatch(
            f"{name} cannot take x of shape and type {got} ({reason}); check that x fits its first "
            "layer and that each layer gives what the next one takes.",
            f"{name} 无法接受形状与类型为 {got} 的 x（{reason}）；请检查 x 与第一层、以及各层之间是否匹配。",
        )
    return Mismatch(
        f"{name} takes x of shape {wanted}, got {got}; reshape x, or build the network for it.",
        f"{name} 接受形状为 {wanted} 的 x，收到 {got}；请调整 x 的形状，或按其构建网络。",
    )


def kind(leaf: Tensor) -> str:
    return str(leaf.dtype).removeprefix("torch.")


def other_type(module: nn.Module, x: Tree) -> str | None:
    """How to convert x where its type is not the one that the weights compute with."""
    weight = next((p for p in module.parameters() if p.is_floating_point()), None)
    if not isinstance(x, Tensor) or weight is None:
        return None
    if isinstance(first_layer(module), nn.Embedding):
        return "x.long()" if x.is_floating_point() else None
    if not x.is_floating_point():
        return "x.float()"
    return None if x.dtype == weight.dtype else f"x.to({weight.dtype})"


def expected(module: nn.Module, x: Tree) -> str | None:
    """The shape that the network takes, as far as it can be told, and where x has another."""
    if not isinstance(x, Tensor):
        return None
    spec = model_spec(module)
    if spec is not None and {"channels", "size"} <= spec.settings.keys():
        channels, size = spec.settings["channels"], spec.settings["size"]
        here = tuple(x.shape[1:]) == (channels, size, size)
        return None if here else f"(rows, {channels}, {size}, {size})"
    first: Any = first_layer(module)
    if isinstance(first, nn.Conv2d):
        here = x.dim() == 4 and x.shape[1] == first.in_channels
        return None if here else f"(rows, {first.in_channels}, height, width)"
    if isinstance(first, nn.Linear):
        here = first.in_features in (x.shape[-1], math.prod(x.shape[1:]))
        return None if here else f"(rows, {first.in_features})"
    return None


def first_layer(module: nn.Module) -> nn.Module | None:
    """The first layer with weights, if it is the first that runs: nothing but flattening before."""
    for layer in module.modules():
        if any(True for _ in layer.parameters(recurse=False)):
            return layer
        if not any(True for _ in layer.children()) and not isinstance(layer, nn.Flatten):
            return None
    return None
