"""The inner loop: which parameters move, how far, and how to differentiate through it."""

from innerloop.inner.descent import Descent, check_steps, descend
from innerloop.inner.prototypes import class_means, class_sums, require_classes
from innerloop.inner.rules import Adam, Clipped, Learnt, Rmsprop, Rule, Sgd
from innerloop.inner.through import first_order, truncated, unrolled
from innerloop.inner.untrained import Untrained
from innerloop.inner.which import body, everything, head

THROUGH = {"unrolled": unrolled, "first_order": first_order}

__all__ = [
    "THROUGH",
    "Adam",
    "Clipped",
    "Descent",
    "Learnt",
    "Rmsprop",
    "Rule",
    "Sgd",
    "Untrained",
    "body",
    "check_steps",
    "class_means",
    "class_sums",
    "descend",
    "everything",
    "first_order",
    "head",
    "require_classes",
    "truncated",
    "unrolled",
]
