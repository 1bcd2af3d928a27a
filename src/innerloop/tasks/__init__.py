"""Where tasks come from: families with disjoint meta-train, meta-validation and meta-test splits."""

from innerloop.tasks import data
from innerloop.tasks.base import Tasks
from innerloop.tasks.digits import digits
from innerloop.tasks.functions import linear, sinusoids
from innerloop.tasks.glyphs import glyphs
from innerloop.tasks.images import ImageBank, ImageStream
from innerloop.tasks.omniglot import omniglot
from innerloop.tasks.show import show

TASKS = {
    "sinusoids": sinusoids,
    "linear": linear,
    "glyphs": glyphs,
    "digits": digits,
    "omniglot": omniglot,
}

__all__ = ["TASKS", "ImageBank", "ImageStream", "Tasks", "data", "show", *TASKS]
