"""Where tasks come from: families with disjoint meta-train, meta-validation and meta-test splits."""

from typing import Any

from innerloop.tasks import data
from innerloop.tasks.arrays import arrays
from innerloop.tasks.base import Tasks
from innerloop.tasks.completion import completion
from innerloop.tasks.dataset import dataset
from innerloop.tasks.digits import digits
from innerloop.tasks.function import function
from innerloop.tasks.functions import linear, sinusoids
from innerloop.tasks.gaussian_processes import gaussian_processes
from innerloop.tasks.glyphs import glyphs
from innerloop.tasks.images import ImageBank, ImageInputs, ImageStream, image_facts, images
from innerloop.tasks.interpolated import interpolate, interpolated
from innerloop.tasks.linear_regression import linear_regression
from innerloop.tasks.medicine import FindingInputs, heart, parkinsons, phenopackets
from innerloop.tasks.mixture import mixture
from innerloop.tasks.omniglot import omniglot
from innerloop.tasks.show import show
from innerloop.tasks.small import pmlb, structural
from innerloop.tasks.tables import TableInputs, table, table_facts
from innerloop.tasks.text import (
    TextInputs,
    banking77,
    clinc150,
    full_way,
    hwu64,
    out_of_scope,
    text,
    text_facts,
    xsid,
)

TASKS: dict[str, Any] = {
    "sinusoids": sinusoids,
    "linear": linear,
    "linear_regression": linear_regression,
    "mixture": mixture,
    "gaussian_processes": gaussian_processes,
    "glyphs": glyphs,
    "digits": digits,
    "omniglot": omniglot,
    "pmlb": pmlb,
    "structural": structural,
    "phenopackets": phenopackets,
    "parkinsons": parkinsons,
    "heart": heart,
    "completion": completion,
    "interpolated": interpolated,
    "images": images,
    "clinc150": clinc150,
    "banking77": banking77,
    "hwu64": hwu64,
    "xsid": xsid,
    "full_way": full_way,
    "function": function,
    "table": table,
    "text": text,
}

__all__ = [
    "TASKS",
    "FindingInputs",
    "ImageBank",
    "ImageInputs",
    "ImageStream",
    "TableInputs",
    "TextInputs",
    "Tasks",
    "arrays",
    "data",
    "dataset",
    "image_facts",
    "interpolate",
    "out_of_scope",
    "show",
    "table_facts",
    "text_facts",
    *TASKS,
]
