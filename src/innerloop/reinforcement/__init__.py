"""Reinforcement learning: the support set is experience."""

from innerloop.reinforcement.agent import Agent
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
from innerloop.reinforcement.rl2 import rl2
