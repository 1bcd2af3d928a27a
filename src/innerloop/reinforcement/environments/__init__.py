"""Environments whose tasks can be sampled and set; and the table of their names."""

from innerloop.reinforcement.environments.bandits import bandits
from innerloop.reinforcement.environments.distribution import (
    Outcome,
    TaskDistribution,
    World,
    distribution,
)
from innerloop.reinforcement.environments.grids import dark_room, gridnavi
from innerloop.reinforcement.environments.mdps import tabular_mdps
from innerloop.reinforcement.environments.own import environment
from innerloop.reinforcement.environments.points import point_navigation, semicircle

ENVIRONMENTS = {
    "bandits": bandits,
    "tabular_mdps": tabular_mdps,
    "point_navigation": point_navigation,
    "semicircle": semicircle,
    "gridnavi": gridnavi,
    "dark_room": dark_room,
}
