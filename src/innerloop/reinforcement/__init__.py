"""Reinforcement learning: the support set is experience."""

from innerloop.reinforcement import judges
from innerloop.reinforcement.agent import Agent
from innerloop.reinforcement.cavia import cavia
from innerloop.reinforcement.dpt import dpt
from innerloop.reinforcement.environments import (
    ENVIRONMENTS,
    TaskDistribution,
    bandits,
    dark_room,
    environment,
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
from innerloop.reinforcement.varibad import varibad

AGENTS = {"rl2": rl2, "varibad": varibad, "dpt": dpt, "maml": maml, "cavia": cavia}
