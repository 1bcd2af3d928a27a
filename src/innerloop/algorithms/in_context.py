"""Learning in context by a transformer (Garg et al. 2022, arXiv:2208.01066; von Oswald et al. 2023,
arXiv:2212.07677), and fitting a prior with it (Müller et al. 2022, arXiv:2112.10510)."""

from __future__ import annotations

from typing import Any

from torch import nn

from innerloop.algorithms.tnp import Tokens
from innerloop.inner.amortised import Amortised
from innerloop.likelihoods import Categorical, Normal
from innerloop.losses import Loss
from innerloop.models.attention import linear_attention
from innerloop.models.kin import KinTokens
from innerloop.models.network import Model
from innerloop.models.sets import set_network
from innerloop.outer import algorithm


@algorithm(steps=20_000, meta_batch=16, lr=1e-3)
def in_context(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 64,
    layers: int = 4,
    heads: int = 4,
    least_std: float = 0.01,
) -> Amortised:
    """A transformer that reads the support set as its context and answers queries from it.

        numbers: rows (x_i, y_i) attend to each other; p(y | x) = Normal(mean, std = g(x's token))
        classes: rows x_i attend to each other, and know who shares a class with whom;
                 logit_n(x) = h(comparison of x's token with those of class n)

    Its inner loop is in its layers: what it computes from a context is trained to be the best
    prediction on tasks such as it has seen (for linear regression: ridge regression). For numbers
    attention has no softmax: a layer can then take a step of gradient descent, and with it learning
    leaves the plateau of predicting the mean at once instead of after many thousand steps.
    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, any number of them at once: to permute
        the classes permutes the answers exactly, and one pass serves them all.
    width, layers, heads: of the transformer. least_std: the least standard deviation it can claim.
    Neither the order of the support rows matters, nor which queries are asked together; an empty
    support set gives the prior.

    >>> import torch, innerloop as il
    >>> learner = il.in_context(inputs=2, targets=0, width=8, layers=2)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.randn(6, 2), torch.tensor([0, 1, 2] * 2)))
    >>> learner.predict(meta, fast, torch.zeros(5, 2)).shape  # one logit for each class
    torch.Size([5, 3])
    """

    def make(inputs: int, targets: int, outputs: int, **sizes: Any) -> nn.Module:
        if not numbers:
            return KinTokens(inputs, **sizes)
        return Tokens(inputs, targets, outputs, **sizes, depth=2, attend=linear_attention)

    numbers = targets > 0
    sizes = {"inputs": inputs, "targets": targets, "width": width, "layers": layers, "heads": heads}
    network = set_network(model, make, name="in_context", **sizes)
    likelihood = Normal(least_std) if numbers else Categorical()
    return Amortised(network, loss, likelihood, targets, has_prior=True, name="in_context")
