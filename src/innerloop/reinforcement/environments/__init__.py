"""Environments whose tasks can be sampled and set; and the table of their names."""

from collections.abc import Callable

from innerloop.errors import InputError
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


def is_environment(name: str) -> bool:
    """Whether a name is of environments: one of ours, or "environment:package.module:function"."""
    return name in ENVIRONMENTS or name.startswith(OWN)


def maker(name: str) -> Callable[..., TaskDistribution]:
    """What makes the environments of a name."""
    if name.startswith(OWN):
        return named(name)
    if name not in ENVIRONMENTS:
        raise InputError(
            f"there is no environment {name!r} in reinforcement learning; it has: {', '.join(ENVIRONMENTS)}; "
            "your own are given by load(path, tasks=...).",
            f"强化学习中没有名为 {name!r} 的 environment；可用的有：{'、'.join(ENVIRONMENTS)}；自己的请用 load(path, tasks=...) 给出。",
        )
    return ENVIRONMENTS[name]
