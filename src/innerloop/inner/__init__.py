"""The inner loop: which parameters move, how far, and how to differentiate through it."""

from innerloop.inner.descent import Descent
from innerloop.inner.rules import Adam, Learnt, Rule, Sgd
from innerloop.inner.through import first_order, truncated, unrolled
from innerloop.inner.which import body, everything, head

THROUGH = {"unrolled": unrolled, "first_order": first_order}

__all__ = [
    "THROUGH",
    "Adam",
    "Descent",
    "Learnt",
    "Rule",
    "Sgd",
    "body",
    "everything",
    "first_order",
    "head",
    "truncated",
    "unrolled",
]
