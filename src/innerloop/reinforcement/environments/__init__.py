"""Environments whose tasks can be sampled and set; and the table of their names."""

from collections.abc import Callable

from innerloop.reinforcement.environments.bandits import bandits
from innerloop.reinforcement.environments.distribution import (
    Outcome,
    TaskDistribution,
    World,
    distribution,
)
from innerloop.reinforcement.environments.grids import dark_room, gridnavi
from innerloop.reinforcement.environments.mdps import tabular_mdps
from innerloop.reinforcement.environments.own import OWN, environment, named
from innerloop.reinforcement.environments.points import point_navigation, semicircle

ENVIRONMENTS = {
    "bandits": bandits,
    "tabular_mdps": tabular_mdps,
    "point_navigation": point_navigation,
    "semicircle": semicircle,
    "gridnavi": gridnavi,
    "dark_room": dark_room,
}


def maker(name: str) -> Callable[..., TaskDistribution] | None:
    """What makes the environments of a name: one of ours, or
    "environment:package.module:function"."""
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]
    return named(name) if name.startswith(OWN) else None
