"""Where tasks come from: families with disjoint meta-train, meta-validation and meta-test splits."""

from innerloop.tasks.base import Tasks
from innerloop.tasks.functions import linear, sinusoids

TASKS = {"sinusoids": sinusoids, "linear": linear}

__all__ = ["TASKS", "Tasks", *TASKS]
