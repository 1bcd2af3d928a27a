"""Meta-learning: models that adapt to a new task from a handful of examples."""

from innerloop import losses, models, reinforcement, structure, tasks
from innerloop.adapted import Adapted, Run, load, load_adapted, train
from innerloop.algorithms import (
    ALGORITHMS,
    anil,
    anp,
    baseline_pp,
    boil,
    cavia,
    cnp,
    finetune,
    fomaml,
    in_context,
    linear_attention,
    logistic,
    maml,
    mann,
    mbml,
    meta_sgd,
    nearest_centroid,
    nearest_neighbour,
    neural_process,
    prior_fitted,
    protonet,
    reptile,
    ridge,
    scratch,
    semantic,
    snail,
    tnp,
)
from innerloop.chat import Chat
from innerloop.core import Episode, Episodes, Examples, Meta, MetaGradient
from innerloop.errors import InnerloopError, InputError
from innerloop.evaluation import compare, evaluate
from innerloop.inner import first_order, rules, truncated, unrolled
from innerloop.language import use_language
from innerloop.outer import Learner
from innerloop.training import Verdict

__version__ = "0.1.0"
