"""Six families of functions of two variables in one, with the family of every task known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from innerloop.arguments import checked
from innerloop.episodes import Draws, Span
from innerloop.tasks.base import Tasks
from innerloop.tasks.rows import RowStream, row_tasks

NOISE = 0.3  # standard deviation: no learner's mean squared error is below 0.09
Curve = Callable[[Sequence[Tensor], Tensor, Tensor], Tensor]
Range = tuple[float, float]


def sinusoid(c: Sequence[Tensor], a: Tensor, b: Tensor) -> Tensor:
    return c[0] * torch.sin(c[1] * a + c[2])


def line(c: Sequence[Tensor], a: Tensor, b: Tensor) -> Tensor:
    return c[0] * a + c[1]


def quadratic(c: Sequence[Tensor], a: Tensor, b: Tensor) -> Tensor:
    return c[0] * a**2 + c[1] * a + c[2]


def cubic(c: Sequence[Tensor], a: Tensor, b: Tensor) -> Tensor:
    return c[0] * a**3 + c[1] * a**2 + c[2] * a + c[3]


def quadratic_surface(c: Sequence[Tensor], a: Tensor, b: Tensor) -> Tensor:
    return c[0] * a**2 + c[1] * b**2


def ripple(c: Sequence[Tensor], a: Tensor, b: Tensor) -> Tensor:
    return torch.sin(-c[0] * (a**2 + b**2)) + c[1]


FLAT: dict[Curve, tuple[Range, ...]] = {  # functions of a alone, and where coefficients come from
    sinusoid: ((0.1, 5.0), (0.8, 1.2), (0.0, 2 * math.pi)),
    line: ((-3.0, 3.0), (-3.0, 3.0)),
    quadratic: ((-0.2, 0.2), (-2.0, 2.0), (-3.0, 3.0)),
    cubic: ((-0.1, 0.1), (-0.2, 0.2), (-2.0, 2.0), (-3.0, 3.0)),
}
CURVES: dict[Curve, tuple[Range, ...]] = {
    **FLAT,
    quadratic_surface: ((-1.0, 1.0), (-1.0, 1.0)),
    ripple: ((-0.2, 0.2), (-3.0, 3.0)),
}
MOST = max(map(len, CURVES.values()))  # coefficients of a curve
RANGES = torch.tensor([[*r, *[(0.0, 0.0)] * (MOST - len(r))] for r in CURVES.values()])  # (6, 4, 2)
PROTOCOLS = {"released": (-5.0, 5.0), "paper": (0.0, 5.0)}


@dataclass(frozen=True, kw_only=True)
class MixtureStream(RowStream):
    """Tasks y = f(a, b) + noise, f of one of six families; x = (a, b)."""

    protocol: Literal["released", "paper"] = "released"

    @property
    def kind_names(self) -> tuple[str, ...]:
        return tuple(curve.__name__.replace("_", " ") for curve in CURVES)

    def kinds(self, seed: int, numbers: np.ndarray) -> np.ndarray:
        return kinds(Draws(seed, self.name, numbers))

    def make(self, draws: Draws, rows: int) -> tuple[Tensor, Tensor]:
        kind = torch.from_numpy(kinds(draws))  # (T,)
        low, high = RANGES[kind].unbind(-1)  # (T, 4) each
        coefficients = low + (high - low) * draws.uniform(MOST)
        left, right = PROTOCOLS[self.protocol]
        a, b = draws.uniform(2, rows, 1, low=left, high=right).unbind(1)  # (T, rows, 1) each
        b = torch.where((kind < len(FLAT))[:, None, None], torch.ones_like(b), b)
        c = coefficients[..., None, None].unbind(1)  # (T, 1, 1) each
        y = torch.stack([curve(c, a, b) for curve in CURVES], 1)[torch.arange(len(kind)), kind]
        return torch.cat([a, b], -1), y + NOISE * draws.normal(rows, 1)


def kinds(draws: Draws) -> np.ndarray:
    """(T,) each family as likely as another; the first of a task's random numbers."""
    return (draws.unit(1)[:, 0] * len(CURVES)).astype(np.int64)


@checked()
def mixture(
    *, protocol: Literal["released", "paper"] = "released", shots: Span = 10, queries: Span = 10
) -> Tasks:
    """Six families of functions in one, sines to ripples (Yao et al. 2020, ARML, arXiv:2001.00745).

    y = f(a, b) + noise of standard deviation 0.3, in support and query alike, f of one of six
    families, each as likely as another; x = (a, b), and b = 1 in the first four, which do not use it:

        sinusoid            A sin(w a + p)           A ~ U[0.1, 5], w ~ U[0.8, 1.2], p ~ U[0, 2 pi]
        line                A a + B                  A, B ~ U[-3, 3]
        quadratic           A a^2 + B a + C          A ~ U[-0.2, 0.2], B ~ U[-2, 2], C ~ U[-3, 3]
        cubic               A a^3 + B a^2 + C a + D  A ~ U[-0.1, 0.1], then as the quadratic's
        quadratic surface   A a^2 + B b^2            A, B ~ U[-1, 1]
        ripple              sin(-A (a^2 + b^2)) + B  A ~ U[-0.2, 0.2], B ~ U[-3, 3]

    protocol: "released", a and b ~ U[-5, 5], as the authors' generator draws them; "paper", U[0, 5],
        as the paper says. Figures of the two do not compare.

    `stream.kinds(seed, numbers)` says of which family each task is, a place in `stream.kind_names`.

    >>> stream = mixture().test
    >>> stream.sample(tasks=3).support.x.shape
    torch.Size([3, 10, 2])
    >>> [stream.kind_names[kind] for kind in stream.kinds(0, np.arange(3))]
    ['ripple', 'cubic', 'sinusoid']
    """
    settings = {"protocol": protocol, "shots": shots, "queries": queries}
    return row_tasks(MixtureStream, "mixture", settings=settings, input_shape=(2,))
