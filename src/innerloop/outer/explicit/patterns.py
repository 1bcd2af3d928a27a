"""Which operations are known: a pattern looks at a node of the traced graph and answers
(rule, input nodes, node of the result), or None. The order is that in which they are tried.

A node is a `torch.fx.Node`; the types of its fields say little, so they are not spelled out.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx

from innerloop.outer.explicit import native
from innerloop.outer.explicit.rules import pointwise
from innerloop.outer.explicit.rules.base import Rule
from innerloop.outer.explicit.rules.convolution import Convolution
from innerloop.outer.explicit.rules.derived import Derived
from innerloop.outer.explicit.rules.fused import FusedNorm
from innerloop.outer.explicit.rules.linear import Linear, Map, Sum, reshaped
from innerloop.outer.explicit.rules.norm import Norm
from innerloop.outer.explicit.rules.pooling import MaxPool

ATEN: Any = torch.ops.aten
ROWS = 10_007  # of the made-up inputs: a prime, so that no size within a network is a multiple
Found = tuple[Rule, list[Any], Any]


class Unknown(Exception):
    """The network or method does something that has no rule here; the reason is the message."""


def norm(node: Any) -> Found | None:
    """Batch norm, together with the rectifier and the pool behind it where there are kernels."""
    if node.target is not ATEN.native_batch_norm.default:
        return None
    x, scale, shift, *_, eps = node.args
    last = first_result(node)
    if scale is None or shift is None:
        raise Unknown("a batch norm without weights has no rule")
    value = last.meta["val"]
    if value.shape[0] != ROWS:
        raise Unknown("a norm over other things than rows has no rule")
    if native.library() is None or value.dim() != 4 or value.device.type != "cpu":
        return Norm(eps), [x, scale, shift], last
    slope, pool = 1.0, 1
    bent = only_user(last, ATEN.relu.default, ATEN.leaky_relu.default)
    if bent is not None and 0 <= slope_of(bent) <= 1:
        slope, last = slope_of(bent), bent
        pooled = only_user(last, ATEN.max_pool2d_with_indices.default)
        if pooled is not None and pool_of(pooled) == MaxPool((2, 2), (2, 2), (0, 0), (1, 1), False):
            pool, last = 2, first_result(pooled)
    return FusedNorm(eps, slope, pool), [x, scale, shift], last


def pooling(node: Any) -> Found | None:
    if node.target is not ATEN.max_pool2d_with_indices.default:
        return None
    return pool_of(node), [node.args[0]], first_result(node)


def convolution(node: Any) -> Found | None:
    """A bias before a norm shifts what the norm takes away again: it is left out."""
    if node.target is not ATEN.convolution.default:
        return None
    x, w, b, *how = node.args
    how = [tuple(h) if isinstance(h, list | tuple) else h for h in how]
    cancelled = only_user(node, ATEN.native_batch_norm.default) is not None
    rule = Convolution(*how)
    return rule, [x, w] if b is None or cancelled else [x, w, b], node


def linear(node: Any) -> Found | None:
    if node.target is ATEN.addmm.default and not node.kwargs:
        b, x, turned = node.args
    elif node.target is ATEN.mm.default:
        b, (x, turned) = None, node.args
    else:
        return None
    if turned.target is not ATEN.t.default:
        return None
    return Linear(), [x, turned.args[0]] if b is None else [x, turned.args[0], b], node


def total(node: Any) -> Found | None:
    if node.target is not ATEN.add.Tensor or node.kwargs:
        return None
    both = all(isinstance(i, fx.Node) for i in node.args)
    return (Sum(), list(node.args), node) if both else None


def reshaping(node: Any) -> Found | None:
    """Other sizes of a row, however many rows there are."""
    if node.target not in (ATEN.view.default, ATEN._unsafe_view.default):
        return None
    x, shape = node.args
    if shape[0] != ROWS or x.meta["val"].shape[0] != ROWS:
        return None
    there = partial(reshaped, tail=tuple(shape[1:]))
    return Map(there, lambda g, x: g.reshape(x.shape)), [x], node


def mean(node: Any) -> Found | None:
    """Over some dimensions of a row."""
    if node.target is not ATEN.mean.dim or node.kwargs:
        return None
    x, dims, keep = [*node.args, False][:3]
    dims = sorted(d % x.meta["val"].dim() for d in dims)

    def back(g: Tensor, x: Tensor) -> Tensor:
        for d in () if keep else dims:
            g = g.unsqueeze(d)
        return (g / math.prod(x.shape[d] for d in dims)).expand(x.shape)

    return Map(lambda x: x.mean(dims, keepdim=keep), back), [x], node


def bending(node: Any) -> Found | None:
    """An activation."""
    if node.target in (ATEN.relu.default, ATEN.leaky_relu.default):
        return pointwise.leaky(slope_of(node)), [node.args[0]], node
    rule = POINTWISE.get(node.target)
    plain = len(node.args) == 1 and not node.kwargs
    return (rule, [node.args[0]], node) if rule is not None and plain else None


def anything(node: Any) -> Found | None:
    """Any other operation on floating numbers, by rules that torch derives."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload):
        return None
    if target in (ATEN.view.default, ATEN._unsafe_view.default):
        target = ATEN.reshape.default  # of any layout
    if torch.Tag.nondeterministic_seeded in target.tags:
        raise Unknown(f"{target} draws numbers")
    several = not isinstance(node.meta["val"], Tensor)
    last = first_result(node) if several else node
    inputs = list(node.all_input_nodes)
    values = [i.meta["val"] for i in (*inputs, last)]
    if not inputs or not all(v.is_floating_point() for v in values):
        return None

    def f(*given: Tensor) -> Tensor:
        place = dict(zip(inputs, (g.contiguous() for g in given), strict=True))
        rows = next((rows_of(v, p) for v, p in zip(values, given, strict=False) if has_rows(v)), 0)

        def filled(argument: Any) -> Any:
            """Inputs for nodes, and the rows that there are for the made-up ones."""
            if isinstance(argument, fx.Node):
                return place[argument]
            made_up = type(argument) is int and argument and argument % ROWS == 0
            return argument // ROWS * rows if made_up else argument

        args, kwargs = fx.node.map_aggregate((node.args, node.kwargs), filled)
        found: Any = target(*args, **kwargs)
        return found[0] if several else found

    return Derived(f), inputs, last


POINTWISE: dict[Any, Rule] = {
    ATEN.tanh.default: pointwise.TANH,
    ATEN.sigmoid.default: pointwise.SIGMOID,
    ATEN.silu.default: pointwise.SILU,
    ATEN.gelu.default: pointwise.GELU,
    ATEN.softplus.default: pointwise.SOFTPLUS,
    ATEN.elu.default: pointwise.ELU,
}
PATTERNS: list[Callable[[Any], Found | None]] = [
    norm,
    pooling,
    convolution,
    linear,
    total,
    reshaping,
    mean,
    bending,
    anything,
]


def has_rows(value: Tensor) -> bool:
    return any(size and size % ROWS == 0 for size in value.shape)


def rows_of(value: Tensor, given: Tensor) -> int:
    """How many rows an input has, of which the traced one had `ROWS`."""
    place, size = next((i, s) for i, s in enumerate(value.shape) if s and s % ROWS == 0)
    return int(given.shape[place]) * ROWS // int(size)


def only_user(node: Any, *targets: Any) -> Any:
    """The one node that uses this one, if it is one of these operations."""
    users = list(node.users)
    return users[0] if len(users) == 1 and users[0].target in targets else None


def first_result(node: Any) -> Any:
    """The node that takes the first of several results; the others must not be in use."""
    used = [user for user in node.users if user.users]
    if len(used) != 1 or used[0].target is not operator.getitem or used[0].args[1] != 0:
        raise Unknown(f"{node.target} is asked for more than its first result")
    return used[0]


def slope_of(node: Any) -> float:
    """Of negative numbers."""
    if node.target is ATEN.relu.default:
        return 0.0
    return float(node.args[1]) if len(node.args) > 1 else 0.01


def pool_of(node: Any) -> MaxPool:
    given: list[Any] = list(node.args)
    _, kernel, *further = given
    usual: list[Any] = [kernel, [0, 0], [1, 1], False]
    stride, padding, dilation, ceil = [*further, *usual[len(further) :]]
    return MaxPool(tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), ceil)
