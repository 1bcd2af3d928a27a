"""One paper, one file, one constructor; and the table of their names."""

from innerloop.algorithms.anil import anil
from innerloop.algorithms.anp import anp
from innerloop.algorithms.baseline_pp import baseline_pp
from innerloop.algorithms.boil import boil
from innerloop.algorithms.cavia import cavia
from innerloop.algorithms.cnp import cnp
from innerloop.algorithms.finetune import finetune
from innerloop.algorithms.in_context import in_context
from innerloop.algorithms.linear_attention import linear_attention
from innerloop.algorithms.logistic import logistic
from innerloop.algorithms.maml import fomaml, maml
from innerloop.algorithms.mann import mann
from innerloop.algorithms.mbml import mbml
from innerloop.algorithms.meta_sgd import meta_sgd
from innerloop.algorithms.nearest import nearest_centroid, nearest_neighbour
from innerloop.algorithms.neural_process import neural_process
from innerloop.algorithms.prior_fitted import prior_fitted
from innerloop.algorithms.protonet import protonet
from innerloop.algorithms.reptile import reptile
from innerloop.algorithms.ridge import ridge
from innerloop.algorithms.scratch import scratch
from innerloop.algorithms.semantic import semantic
from innerloop.algorithms.snail import snail
from innerloop.algorithms.tnp import tnp

ALGORITHMS = {
    "maml": maml,
    "fomaml": fomaml,
    "anil": anil,
    "boil": boil,
    "meta_sgd": meta_sgd,
    "cavia": cavia,
    "reptile": reptile,
    "protonet": protonet,
    "prior_fitted": prior_fitted,
    "ridge": ridge,
    "logistic": logistic,
    "semantic": semantic,
    "cnp": cnp,
    "neural_process": neural_process,
    "anp": anp,
    "tnp": tnp,
    "in_context": in_context,
    "linear_attention": linear_attention,
    "snail": snail,
    "mann": mann,
    "mbml": mbml,
    "finetune": finetune,
    "baseline_pp": baseline_pp,
    "scratch": scratch,
    "nearest_neighbour": nearest_neighbour,
    "nearest_centroid": nearest_centroid,
}

__all__ = ["ALGORITHMS", *ALGORITHMS]
