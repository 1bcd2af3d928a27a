"""A layer as four pure functions, so that a Hessian-vector product needs no graph.

With inputs i, output y = f(i), its cotangent g, and a direction di in which the inputs move:

    forward            y, kept                                   what later functions need of it
    backward           cotangents of the inputs, f'(i)^T g       and kept, with more in it
    tangent            dy = f'(i) di, and that of kept
    backward_tangent   d of backward, as i moves along di and g along dg: the place makes that move

Weights are inputs like any other. A tangent that is zero is None. `needs` says of which inputs
anyone wants the cotangent; the others may be None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor

Inputs = Sequence[Tensor]
Maybe = Sequence[Tensor | None]
Needs = Sequence[bool]


class Place(NamedTuple):
    """Where a layer is on its way back."""

    inputs: Inputs
    kept: Any
    g: Tensor


class Move(NamedTuple):
    """How that place moves."""

    inputs: Maybe
    kept: Any
    g: Tensor | None


class Rule(Protocol):
    def forward(self, *inputs: Tensor) -> tuple[Tensor, Any]: ...

    def backward(self, inputs: Inputs, kept: Any, g: Tensor, needs: Needs) -> tuple[Maybe, Any]: ...

    def tangent(self, inputs: Inputs, kept: Any, along: Maybe) -> tuple[Tensor | None, Any]: ...

    def backward_tangent(self, place: Place, move: Move, needs: Needs) -> Maybe: ...


def plus(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """The sum, where None is zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b
