"""Conditional neural processes (Garnelo et al. 2018, arXiv:1807.01613)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from innerloop.core import Params
from innerloop.inner.amortised import Additive, Amortised
from innerloop.likelihoods import Categorical, Normal
from innerloop.losses import Loss
from innerloop.models.network import Model
from innerloop.models.sets import mean_of, perceptron, set_network, sum_of
from innerloop.outer import algorithm


class MeanOfRows(nn.Module):
    """The mean of what each support row says, and a query's answer from it."""

    def __init__(self, inputs: int, targets: int, outputs: int, *, width: int, depth: int):
        super().__init__()
        self.row = perceptron(inputs + targets, width, width=width, depth=depth)
        self.answer = perceptron(inputs + width, outputs, width=width, depth=depth)

    def encode(self, z: Tensor, y: Tensor) -> Params:
        return sum_of(self.row(torch.cat([z, y], -1)))

    def decode(self, code: Params, z: Tensor) -> Tensor:
        mean = self.embed(code).expand(len(z), -1)
        return self.answer(torch.cat([z, mean], -1))  # type: ignore[no-any-return]

    def embed(self, code: Params) -> Tensor:
        return mean_of(code)


@algorithm(steps=20_000, meta_batch=16, lr=5e-4)
def cnp(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 128,
    depth: int = 4,
    least_std: float = 0.01,
) -> Amortised:
    """Encode each support row, average, and decode every query from the average.

        r = mean over the support of h(x_i, y_i),   p(y | x) = Normal(mean, std = g(x, r))

    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    width, depth: of the two perceptrons. least_std: the least standard deviation it can claim.
    An adapted task is one sum and a count, to which further examples are added; an empty support
    set gives the prior.

    >>> import torch, innerloop as il
    >>> learner = il.cnp(inputs=1, targets=1, width=8)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # mean and spread of each
    torch.Size([5, 1, 2])
    """
    sizes = {"inputs": inputs, "targets": targets, "width": width, "depth": depth}
    network = set_network(model, MeanOfRows, name="cnp", **sizes)
    if not targets:
        return Amortised(network, loss, Categorical(), targets, has_prior=True, name="cnp")
    return Additive(network, loss, Normal(least_std), targets, has_prior=True, name="cnp")
