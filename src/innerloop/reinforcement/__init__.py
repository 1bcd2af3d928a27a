"""Reinforcement learning: the support set is experience."""

from innerloop.reinforcement.environments import (
    ENVIRONMENTS,
    TaskDistribution,
    bandits,
    dark_room,
    gridnavi,
    point_navigation,
    semicircle,
    tabular_mdps,
)
