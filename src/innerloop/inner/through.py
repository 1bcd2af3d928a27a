"""How the outer gradient passes through the inner steps.

Each function is asked once per inner step: (gradient, step, steps) -> gradient to use there.
"""

from __future__ import annotations

from collections.abc import Callable

from innerloop.core import Params
from innerloop.errors import InputError, shown
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
    if isinstance(last, bool) or not isinstance(last, int) or last < 1:
        raise InputError(
            f"truncated counts inner steps and must be a whole number of at least 1, got {shown(last)}; "
            "to differentiate none use first_order.",
            f"truncated 以内循环步数计，必须是不小于 1 的整数，收到 {shown(last)}；"
            "若完全不求二阶导数，请用 first_order。",
        )

    def through(gradient: Gradient, step: int, steps: int) -> Gradient:
        return gradient if step >= steps - last else first_order(gradient, step, steps)

    through.__name__ = f"truncated({last})"
    through.last = last  # type: ignore[attr-defined]
    return through
