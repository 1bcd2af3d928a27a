"""Surrogates of the return whose derivatives are those of the expected return."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Credit = Callable[[Tensor, Tensor], Tensor]


def dice(change: Tensor, advantage: Tensor) -> Tensor:
    """(H, ...) whose sum over H steps has, in expectation, every derivative of the return.

        exp(c_t) A_t - exp(c_t-1) A_t,   c_t = sum of log pi(a_s) - log pi_acted(a_s) over s <= t

    (Foerster et al. 2018, DiCE, arXiv:1802.05098, with advantages as Farquhar et al. 2019 have it,
    arXiv:1909.10549.) change (H, ...): of an action's log-probability since it was taken.

    >>> import torch
    >>> dice(torch.zeros(2), torch.tensor([3.0, 2.0]))
    tensor([0., 0.])
    """
    upto = change.cumsum(0)
    return (upto.exp() - (upto - change).exp()) * advantage


def lvc(change: Tensor, advantage: Tensor) -> Tensor:
    """(H, ...) as `dice` without what a step's action owes to those before it.

        (pi(a_t) / pi_acted(a_t) - 1) A_t

    (Rothfuss et al. 2019, low variance curvature, arXiv:1810.06784.) The first derivative is exact,
    the second leaves terms out that are zero on average near an optimum, and varies much less.

    >>> import torch
    >>> lvc(torch.tensor([0.0, 1.0]), torch.ones(2))
    tensor([0.0000, 1.7183])
    """
    return (change.exp() - 1) * advantage


CREDITS: dict[str, Credit] = {"lvc": lvc, "dice": dice}
