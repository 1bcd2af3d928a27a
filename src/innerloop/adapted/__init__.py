"""What has been learnt, in use: a run, and the tasks it is adapted to."""

from innerloop.adapted.loading import load
from innerloop.adapted.opening import load_adapted
from innerloop.adapted.run import Run
from innerloop.adapted.task import Adapted
from innerloop.adapted.training import train

__all__ = ["Adapted", "Run", "load", "load_adapted", "train"]
