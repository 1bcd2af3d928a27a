"""Relations between tasks."""

from innerloop.structure.contrastive import contrastive
from innerloop.structure.encoder import from_learner
from innerloop.structure.map import Agreement, TaskMap, task_map
from innerloop.structure.nearest import Related, TaskIndex, warm_start
from innerloop.structure.point import Point, TaskEncoder, coordinates
from innerloop.structure.regret import Regret, regret_at_k
from innerloop.structure.signature import signature

__all__ = [
    "Agreement",
    "Point",
    "Regret",
    "Related",
    "TaskEncoder",
    "TaskIndex",
    "TaskMap",
    "contrastive",
    "coordinates",
    "from_learner",
    "regret_at_k",
    "signature",
    "task_map",
    "warm_start",
]
