"""What stands beside a learner: optimal where that can be computed, and the usual rules."""

from innerloop.reinforcement.judges.bandits import (
    bandit_optimum,
    bandit_value,
    gittins,
    thompson,
    ucb1,
)
from innerloop.reinforcement.judges.grids import grid_optimum, posterior_goal
from innerloop.reinforcement.judges.mdps import psrl
from innerloop.reinforcement.judges.table import beside, random_policy
