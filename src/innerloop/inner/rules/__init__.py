"""How far the inner loop moves: one optimiser, one file; rules that wrap others; a table of names.

>>> rule_of("adam", lr=0.1, rates="layer", clip=10.0)  # doctest: +NORMALIZE_WHITESPACE
Clipped(rule=Learnt(lr=0.1, per='layer', steps=1,
                    rule=Adam(lr=1.0, betas=(0.9, 0.999), eps=1e-08)), longest=10.0)
"""

from __future__ import annotations

from typing import Any, Literal

from innerloop.errors import not_one_of
from innerloop.inner.rules.adam import Adam
from innerloop.inner.rules.base import Rated, Rule
from innerloop.inner.rules.clipped import Clipped
from innerloop.inner.rules.learnt import RATE, Learnt
from innerloop.inner.rules.rmsprop import Rmsprop
from innerloop.inner.rules.sgd import Sgd

OPTIMISERS: dict[str, Any] = {
    "sgd": Sgd(),
    "momentum": Sgd(momentum=0.9),
    "nesterov": Sgd(momentum=0.9, nesterov=True),
    "adam": Adam(),
    "rmsprop": Rmsprop(),
}
RATES = ("fixed", "weight", "layer", "step")

Optimiser = Literal["sgd", "momentum", "nesterov", "adam", "rmsprop"] | Rule
Rates = Literal["fixed", "weight", "layer", "step"]

__all__ = [
    "OPTIMISERS",
    "RATE",
    "Adam",
    "Clipped",
    "Learnt",
    "Optimiser",
    "Rated",
    "Rates",
    "Rmsprop",
    "Rule",
    "Sgd",
    "rule_of",
]


def rule_of(
    optimiser: Optimiser = "sgd",
    *,
    lr: float,
    rates: Rates = "fixed",
    clip: float | None = None,
    steps: int = 1,
) -> Rule:
    """One rule of a learner's inner settings.

    optimiser: a name, or a rule without a rate (one of the user's own without `with_rate` is taken
        as it is). rates: "fixed", or learnt and begun at lr, per "weight", "layer", or layer and
        "step". clip: the longest gradient of a task. steps: of the inner loop.
    """
    if isinstance(optimiser, str):
        if optimiser not in OPTIMISERS:
            raise not_one_of(
                "inner_optimiser", OPTIMISERS, optimiser, "a rule such as il.rules.Adam()"
            )
        optimiser = OPTIMISERS[optimiser]
    if not isinstance(optimiser, Rule) or isinstance(optimiser, type):
        raise not_one_of("inner_optimiser", OPTIMISERS, optimiser, "a rule such as il.rules.Adam()")
    if rates not in RATES:
        raise not_one_of("inner_rates", RATES, rates)
    rule: Any = optimiser
    if rates != "fixed":
        rule = Learnt(per=rates, steps=steps, rule=_with_rate(rule, 1.0))
    rule = _with_rate(rule, lr)
    return rule if clip is None else Clipped(rule, clip)


def _with_rate(rule: Any, lr: float) -> Any:
    return rule.with_rate(lr) if hasattr(rule, "with_rate") else rule
