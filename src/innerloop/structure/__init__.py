"""Relations between tasks."""

from innerloop.structure.contrastive import contrastive
from innerloop.structure.encoder import from_learner
from innerloop.structure.point import Point, TaskEncoder, coordinates
from innerloop.structure.signature import signature

__all__ = ["Point", "TaskEncoder", "contrastive", "coordinates", "from_learner", "signature"]
