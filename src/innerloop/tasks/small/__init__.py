"""Small tables as tasks: a task is a table of its own, with a few labelled rows."""

from innerloop.tasks.small.pmlb import pmlb
from innerloop.tasks.small.scaling import in_width, standardised
from innerloop.tasks.small.structural import structural

__all__ = ["in_width", "pmlb", "standardised", "structural"]
