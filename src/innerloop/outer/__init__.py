"""From one task to many: the meta-gradient over T tasks, and the learner that users hold."""

from innerloop.outer.explicit.native import kernels
from innerloop.outer.learner import Learner, Spec, Suggestions, algorithm, like
from innerloop.outer.pace import Way, paces
from innerloop.outer.paths import tasks_at_once
from innerloop.outer.ranks import Alone, LostRank, ranks_here
from innerloop.outer.route import PATHS, Route
from innerloop.outer.share import Share
from innerloop.outer.totals import Totals
from innerloop.outer.workers import Workers

__all__ = [
    "PATHS",
    "Alone",
    "Learner",
    "LostRank",
    "Route",
    "Share",
    "Spec",
    "Suggestions",
    "Totals",
    "Way",
    "Workers",
    "algorithm",
    "kernels",
    "like",
    "paces",
    "ranks_here",
    "tasks_at_once",
]
