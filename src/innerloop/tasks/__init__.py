"""Where tasks come from: families with disjoint meta-train, meta-validation and meta-test splits."""

from typing import Any

from innerloop.tasks import data
from innerloop.tasks.arrays import arrays
from innerloop.tasks.bank import ImageBank, ImageStream
from innerloop.tasks.base import Tasks
from innerloop.tasks.dataset import dataset
from innerloop.tasks.digits import digits
from innerloop.tasks.facts import image_facts
from innerloop.tasks.function import function
from innerloop.tasks.functions import linear, sinusoids
from innerloop.tasks.glyphs import glyphs
from innerloop.tasks.image_inputs import ImageInputs
from innerloop.tasks.images import images
from innerloop.tasks.omniglot import omniglot
from innerloop.tasks.show import show
from innerloop.tasks.table import table, table_facts
from innerloop.tasks.table_inputs import TableInputs

TASKS: dict[str, Any] = {
    "sinusoids": sinusoids,
    "linear": linear,
    "glyphs": glyphs,
    "digits": digits,
    "omniglot": omniglot,
    "images": images,
    "function": function,
    "table": table,
}

__all__ = [
    "TASKS",
    "ImageBank",
    "ImageInputs",
    "ImageStream",
    "TableInputs",
    "Tasks",
    "arrays",
    "data",
    "dataset",
    "image_facts",
    "show",
    "table_facts",
    *TASKS,
]
