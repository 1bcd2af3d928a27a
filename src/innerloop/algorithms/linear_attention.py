"""One layer of linear attention (von Oswald et al. 2023, arXiv:2212.07677; Zhang et al. 2023,
arXiv:2306.09927)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from innerloop.core import Params
from innerloop.inner.amortised import Additive, Amortised
from innerloop.likelihoods import Categorical, Gaussian
from innerloop.losses import Loss
from innerloop.models.network import Model
from innerloop.models.sets import set_network
from innerloop.outer import algorithm


class Moments(nn.Module):
    """Attention without a softmax: all it knows of the support rows are their second moments."""

    def __init__(self, inputs: int, targets: int):
        super().__init__()
        self.key_query = nn.Linear(inputs, inputs + targets, bias=False)
        self.value = nn.Linear(inputs + targets, targets, bias=False)

    def encode(self, z: Tensor, y: Tensor) -> Params:
        rows = torch.cat([z, y], -1)  # (S, d + out)
        return {"moments": rows.T @ rows, "count": z.new_full((1,), float(len(z)))}

    def decode(self, code: Params, z: Tensor) -> Tensor:
        return self.value(self.key_query(z) @ self._mean(code))  # type: ignore[no-any-return]

    def embed(self, code: Params) -> Tensor:
        """The mean moments, ((d + out)^2,)."""
        return self._mean(code).flatten()

    def _mean(self, code: Params) -> Tensor:
        return code["moments"] / code["count"].clamp(min=1)


@algorithm(steps=5_000, meta_batch=64, lr=3e-3)
def linear_attention(
    model: Model | None = None, loss: Loss | None = None, *, inputs: int = 1, targets: int = 1
) -> Amortised:
    """One layer of attention without a softmax, the smallest learner in context.

        e_i = (x_i, y_i),   y(x) = V (1/S) sum_i e_i e_i' W x

    which can be one step of gradient descent on least squares from zero, with a learnt
    preconditioner. For y = w x with w, x ~ N(0, I) in d dimensions the best it can do with S
    examples is W = S/(S + d + 1) on the inputs, with a mean squared error of (d + 1)/(S + d + 1)
    times the target's variance.
    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    An adapted task is one (d + out, d + out) sum and a count, to which further examples are added.

    >>> import torch, innerloop as il
    >>> learner = il.linear_attention(inputs=2, targets=1)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 2), torch.ones(3, 1)))
    >>> fast["moments"].shape, learner.predict(meta, fast, torch.zeros(5, 2)).shape
    (torch.Size([3, 3]), torch.Size([5, 1]))
    """

    def make(inputs: int, targets: int, outputs: int) -> nn.Module:
        return Moments(inputs, targets)

    network = set_network(model, make, inputs=inputs, targets=targets, numbers=None)
    kind, likelihood = (Additive, Gaussian()) if targets else (Amortised, Categorical())
    return kind(network, loss, likelihood, targets, has_prior=True, name="linear_attention")
