"""Neural processes (Garnelo et al. 2018, arXiv:1807.01622)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from innerloop.core import Params
from innerloop.inner.amortised import Additive, Amortised
from innerloop.likelihoods import Categorical, Mixture
from innerloop.losses import Loss
from innerloop.models.latent import Answer, Latent, Spread, check_samples, divergence
from innerloop.models.network import Model
from innerloop.models.sets import mean_of, perceptron, set_network, sum_of
from innerloop.outer import algorithm
from innerloop.tree import tree_map


class LatentOfRows(nn.Module):
    """A normal over latent vectors from the mean of what each support row says."""

    def __init__(
        self, inputs: int, targets: int, numbers: int, *, width: int, depth: int, samples: int
    ):
        super().__init__()
        self.row = perceptron(inputs + targets, width, width=width, depth=depth)
        self.latent = Latent(width, samples=samples if numbers else 0)
        self.answer = Answer(inputs, width, numbers, width=width, depth=depth)

    def encode(self, z: Tensor, y: Tensor) -> Params:
        return sum_of(self.row(torch.cat([z, y], -1)))

    def decode(self, code: Params, z: Tensor) -> Tensor:
        return self.answer(z, self.latent.drawn(self.spread(code))[:, None])  # type: ignore[no-any-return]

    def objective(
        self, z: Tensor, y: Tensor, queries: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Answers from z ~ q(z | S, Q), and KL(q(z | S, Q) || q(z | S)) per query."""
        code = self.encode(z, y)
        known = self.spread(code)
        seen = self.spread(tree_map(torch.add, code, self.encode(queries, targets)))
        answers = self.answer(queries, self.latent.one(seen)[:, None])
        return answers, divergence(seen, known) / len(queries)

    def spread(self, code: Params) -> Spread:
        return self.latent(mean_of(code))  # type: ignore[no-any-return]

    def embed(self, code: Params) -> tuple[Tensor, Tensor]:
        mean, std = self.spread(code)
        return mean, std.square()


@algorithm(steps=20_000, meta_batch=16, lr=5e-4)
def neural_process(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    width: int = 128,
    depth: int = 4,
    samples: int = 16,
    least_std: float = 0.01,
) -> Amortised:
    """A task is a latent vector z of which the support set leaves something open.

        q(z | S) = Normal(mean, std of the mean over S of h(x_i, y_i)),   y = g(x, z)
        maximise  E_{q(z | S, Q)} log p(y_Q | x_Q, z) - KL(q(z | S, Q) || q(z | S))

    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    width, depth: of the perceptrons; z has `width` numbers too. samples: an answer is a mixture of
        so many, each with a z of its own from q(z | S), by noise that is fixed (classes: by the
        mean z). least_std: the least standard deviation that one of them can claim.
    An adapted task is one sum and a count, to which further examples are added; an empty support
    set gives the prior; `embed` gives the mean and the variance of z.

    >>> import torch, innerloop as il
    >>> learner = il.neural_process(inputs=1, targets=1, width=8, samples=4)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # weight, mean, spread of each normal
    torch.Size([5, 1, 4, 3])
    """
    check_samples(samples)
    sizes = {"inputs": inputs, "targets": targets, "width": width, "depth": depth}
    network = set_network(
        model, LatentOfRows, name="neural_process", numbers=None, samples=samples, **sizes
    )
    kind, likelihood = (Additive, Mixture(least_std)) if targets else (Amortised, Categorical())
    return kind(
        network,
        loss,
        likelihood,
        targets,
        own_objective=True,
        has_prior=True,
        name="neural_process",
    )
