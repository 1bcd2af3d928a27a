"""Settings that are known to work: which model and which algorithm settings suit which tasks."""

from innerloop.recipes.baselines import baselines_for
from innerloop.recipes.build import learner_for, recipe_for

__all__ = ["baselines_for", "learner_for", "recipe_for"]
