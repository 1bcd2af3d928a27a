"""From one task to many: the meta-gradient over T tasks, and the learner that users hold."""

from innerloop.outer.learner import Learner, Spec, Suggestions, algorithm, like
from innerloop.outer.paths import tasks_at_once

__all__ = ["Learner", "Spec", "Suggestions", "algorithm", "like", "tasks_at_once"]
