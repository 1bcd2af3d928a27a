"""Trees of tensors: dicts, tuples, NamedTuples and the dataclasses registered here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

__all__ = [
    "Tree",
    "detached",
    "pytree",
    "rows",
    "stack",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_unflatten",
]

Tree = Any


def pytree(*, static: tuple[str, ...] = ()) -> Callable[[type], type]:
    """Register a dataclass as a tree: its fields are children, `static` ones are context.

    A field that is None is left out of the children, so that `vmap` sees tensors only. Rebuilding
    skips `__init__`: inside a transform the leaves need not be what a user would pass.
    """

    def register(cls: type) -> type:
        names = [f.name for f in dataclasses.fields(cls) if f.name not in static]  # type: ignore[arg-type]

        def flatten(node: Any) -> tuple[list[Any], Any]:
            present = tuple(n for n in names if getattr(node, n) is not None)
            return [getattr(node, n) for n in present], (
                present,
                tuple(getattr(node, n) for n in static),
            )

        def unflatten(children: Any, context: Any) -> Any:
            node: Any = object.__new__(cls)
            for name in names:
                object.__setattr__(node, name, None)
            for name, child in zip(context[0], children, strict=True):
                object.__setattr__(node, name, child)
            for name, value in zip(static, context[1], strict=True):
                object.__setattr__(node, name, value)
            return node

        _pytree.register_pytree_node(cls, flatten, unflatten)
        return cls

    return register


def rows(tree: Tree) -> int:
    """The length of the leading dimension that every leaf shares."""
    return int(tree_leaves(tree)[0].shape[0])


def stack(trees: list[Tree]) -> Tree:
    """Trees of equal shape -> one tree with a leading dimension over them."""
    return tree_map(lambda *leaves: torch.stack(leaves), *trees)


def detached(tree: Tree) -> Tree:
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, tree)
