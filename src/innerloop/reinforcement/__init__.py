"""Reinforcement learning: the support set is experience."""

from innerloop.reinforcement import judges
from innerloop.reinforcement.agent import Agent
from innerloop.reinforcement.cavia import cavia
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
from innerloop.reinforcement.experience import Step, Trials
from innerloop.reinforcement.maml import maml
from innerloop.reinforcement.rl2 import rl2
from innerloop.reinforcement.run import PolicyRun, load, train
from innerloop.reinforcement.scores import Scores, judge

AGENTS = {"rl2": rl2, "maml": maml, "cavia": cavia}
