"""Where tensors lie. Episodes are drawn on the processor and follow the meta-parameters from there."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

from innerloop.errors import InputError
from innerloop.tree import Tree, tree_leaves, tree_map

T = TypeVar("T")
CPU = torch.device("cpu")


def device_of(name: str | torch.device | None) -> torch.device:
    """The device of this name, if this machine has it: "cpu", "cuda", "cuda:1", "mps".

    >>> device_of(None), device_of("cpu")
    (device(type='cpu'), device(type='cpu'))
    """
    if name is None:
        return CPU
    try:
        found = torch.device(name)
        torch.zeros(1, device=found).cpu()
        return found
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError):
        pass  # torch without CUDA asserts
    here = ", ".join(devices())
    raise InputError(
        f"device must be one that this machine has ({here}), got {str(name)!r}; leave it out for cpu.",
        f"device 必须是本机具有的设备（{here}），收到 {str(name)!r}；去掉它即使用 cpu。",
    )


def devices() -> list[str]:
    """Those of this machine, by name."""
    found = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def to_device(tree: T, device: torch.device) -> T:
    """The tree with its tensors there. MPS knows no doubles: such numbers stay where they are."""

    def moved(leaf: object) -> object:
        if not isinstance(leaf, Tensor) or (device.type == "mps" and leaf.dtype == torch.float64):
            return leaf
        return leaf.to(device)

    return tree_map(moved, tree)  # type: ignore[no-any-return]


def place_of(tree: Tree) -> torch.device:
    """Where a tree's first tensor lies; the processor if it has none."""
    return next((leaf.device for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)), CPU)


def finished(device: torch.device) -> None:
    """Wait for what the device was given to do, before a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
