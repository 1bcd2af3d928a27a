"""How the outer gradient passes through the inner steps.

Each function is asked once per inner step: (gradient, step, steps) -> gradient to use there.
"""

from __future__ import annotations

from collections.abc import Callable

from innerloop.core import Params
from innerloop.tree import detached

Gradient = Callable[[Params], Params]
Through = Callable[[Gradient, int, int], Gradient]


def unrolled(gradient: Gradient, step: int, steps: int) -> Gradient:
    """Exact: every inner step is differentiated (second order)."""
    return gradient


def first_order(gradient: Gradient, step: int, steps: int) -> Gradient:
    """Inner gradients count as constants: first-order MAML."""
    return lambda params: detached(gradient(detached(params)))


def truncated(last: int) -> Through:
    """Only the last `last` inner steps are differentiated; the ones before are first order."""

    def through(gradient: Gradient, step: int, steps: int) -> Gradient:
        return gradient if step >= steps - last else first_order(gradient, step, steps)

    through.__name__ = f"truncated({last})"
    return through
