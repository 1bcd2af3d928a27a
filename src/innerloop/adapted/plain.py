"""A tree of tensors as named tensors and a plain description of how they hang together, and back.

{"tensor": name}                     a leaf, under its name among the tensors
{"dict": {key: node, ...}}           a dict with strings as keys
{"list": [node, ...]}, {"tuple": [node, ...]}
{"made_by": "innerloop.x:Name", "fields": {name: node}}      a NamedTuple or dataclass of innerloop
{"value": plain}                     a number, a string, a truth value, or nothing
"""

from __future__ import annotations

import dataclasses
from typing import Any

from torch import Tensor

from innerloop.algorithms.spec import import_path, imported, is_ours
from innerloop.errors import InnerloopError
from innerloop.tree import Tree

PLAIN = (bool, int, float, str, type(None))


def to_plain(tree: Tree, name: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The description of a tree; its leaves are put among `tensors`, their names begin with `name`.

    >>> import torch
    >>> tensors = {}
    >>> to_plain({"a": (torch.ones(1), None)}, "fast", tensors)
    {'dict': {'a': {'tuple': [{'tensor': 'fast/a/0'}, {'value': None}]}}}
    >>> from_plain(_, tensors)
    {'a': (tensor([1.]), None)}
    """
    if isinstance(tree, Tensor):
        while name in tensors:
            name += "'"
        tensors[name] = tree
        return {"tensor": name}
    if isinstance(tree, PLAIN):
        return {"value": tree}
    if fields := fields_of(tree):
        return {"made_by": import_path(type(tree)), "fields": each(fields, name, tensors)}
    if isinstance(tree, dict) and all(isinstance(key, str) for key in tree):
        return {"dict": each(tree, name, tensors)}
    if type(tree) in (list, tuple):
        held = each({str(n): node for n, node in enumerate(tree)}, name, tensors)
        return {type(tree).__name__: list(held.values())}
    raise InnerloopError(
        f"what this learner keeps of a task holds a {type(tree).__name__}, which has no place in a file; "
        "let adapt return dicts, tuples and tensors.",
        f"该学习器为任务保存的内容含有 {type(tree).__name__}，无法写入文件；adapt 应返回字典、元组和张量。",
    )


def each(nodes: dict[str, Any], name: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    return {key: to_plain(node, f"{name}/{key}", tensors) for key, node in nodes.items()}


def fields_of(tree: Any) -> dict[str, Any] | None:
    """The fields of a NamedTuple or dataclass of innerloop."""
    if not is_ours(type(tree)):
        return None
    if dataclasses.is_dataclass(tree):
        return {f.name: getattr(tree, f.name) for f in dataclasses.fields(tree)}
    return dict(tree._asdict()) if hasattr(tree, "_asdict") else None


def from_plain(node: dict[str, Any], tensors: dict[str, Tensor]) -> Tree:
    """The tree that `to_plain` described."""
    ((kind, held),) = [(k, v) for k, v in node.items() if k != "fields"]
    if kind == "tensor":
        return tensors[held]
    if kind == "value":
        return held
    if kind == "dict":
        return {key: from_plain(each, tensors) for key, each in held.items()}
    if kind in ("list", "tuple"):
        found = [from_plain(each, tensors) for each in held]
        return found if kind == "list" else tuple(found)
    made_by = imported(held)
    if not (isinstance(made_by, type) and is_ours(made_by)):
        raise ValueError(held)
    return made_by(**{name: from_plain(each, tensors) for name, each in node["fields"].items()})
