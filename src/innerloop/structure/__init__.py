"""Relations between tasks."""

from innerloop.structure.contrastive import contrastive
from innerloop.structure.encoder import from_learner
from innerloop.structure.map import Agreement, TaskMap, task_map
from innerloop.structure.point import Point, TaskEncoder, coordinates
from innerloop.structure.signature import signature

__all__ = [
    "Agreement",
    "Point",
    "TaskEncoder",
    "TaskMap",
    "contrastive",
    "coordinates",
    "from_learner",
    "signature",
    "task_map",
]
