"""Networks that take in a whole support set: what model-based learners are made of.

A set network is a Module with two methods, written for one task:

    encode(z (S, d), y (S, out)) -> code       a tree of tensors: what is learnt from the task
    decode(code, z (Q, d)) -> (Q, outputs)     one row per query, whatever the other rows are

and, where it has more to offer, `embed(code) -> (d,)` (the task as a point, or a pair of mean and
variance), `both(z, y, queries)` where encoding and answering at once is quicker, and
`objective(z, y, queries, targets) -> (answers, cost)` where it learns by answers that have seen
targets, and by what that costs on top of their loss. One that sets `any_ways` is given classes
one-hot and answers (Q, N) itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from innerloop.errors import InputError, reason
from innerloop.models.encoder import Encoder
from innerloop.models.named import check_sizes
from innerloop.models.network import Model, made_by
from innerloop.tree import Tree, tree_map


class SetModel(nn.Module):
    """Features of each input, then a set network over them. What is asked is said by the arguments:

    x, y: encode a support set; y (S, out) numbers, or (S, N) its classes, one-hot.
    code, x: answer. code: the task as a point. x, y, queries: encode and answer at once. With
    targets too: the network's own objective, (answers, cost).
    """

    def __init__(self, features: nn.Module, network: nn.Module):
        super().__init__()
        self.features, self.network = features, network

    def forward(
        self,
        x: Tree = None,
        y: Tensor | None = None,
        code: Tree = None,
        queries: Tree = None,
        targets: Tensor | None = None,
    ) -> Any:
        network: Any = self.network
        if x is None:
            return network.embed(code)
        if y is None:
            return network.decode(code, self.features(x))
        if queries is None:
            return network.encode(self.features(x), y)
        together = self.features(tree_map(lambda s, q: torch.cat([s, q]), x, queries))
        support, asked = together[: len(y)], together[len(y) :]
        if targets is not None:
            return network.objective(support, y, asked, targets)
        return at_once(network, support, y, asked)


def at_once(network: Any, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
    """Encoded and answered, by the network's quicker way if it has one."""
    if hasattr(network, "both"):
        return network.both(z, y, queries)  # type: ignore[no-any-return]
    return network.decode(network.encode(z, y), queries)  # type: ignore[no-any-return]


def yes_or_no(y: Tensor, z: Tensor) -> Tensor:
    """Classes (rows, N), one-hot -> (N, rows, 1): for each class +1 where a row is of it, else -1."""
    return (2 * y - 1).to(z.dtype).T[..., None]


class OneAgainstTheRest(nn.Module):
    """A set network that answers one yes-or-no question, asked once for each class of a task.

        logit_n(x) = network's answer, having seen each support row with +1 (of class n) or -1

    So the order and the number of the classes do not matter, and any number of them can be told
    apart with the same weights.
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def encode(self, z: Tensor, y: Tensor) -> Tree:
        network: Any = self.network
        return vmap(network.encode, (None, 0))(z, yes_or_no(y, z))

    def decode(self, code: Tree, z: Tensor) -> Tensor:
        network: Any = self.network
        return vmap(network.decode, (0, None))(code, z)[..., 0].T  # (Q, N)

    def both(self, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        each = vmap(partial(at_once, self.network), (None, 0, None))
        return each(z, yes_or_no(y, z), queries)[..., 0].T  # type: ignore[no-any-return]

    def objective(
        self, z: Tensor, y: Tensor, queries: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(Q, N) and the sum of what each question costs."""
        network: Any = self.network
        each = vmap(network.objective, (None, 0, None, 0), randomness="different")
        answers, cost = each(z, yes_or_no(y, z), queries, yes_or_no(targets, z))
        return answers[..., 0].T, cost.sum()

    def embed(self, code: Tree) -> Tensor:
        """The mean over the classes."""
        network: Any = self.network
        found = vmap(network.embed)(code)
        return tree_map(lambda leaf: leaf.mean(0), found)  # type: ignore[no-any-return]


class Numbers(nn.Module):
    """A set network whose (Q, out * k) answers become (Q, out, k): k numbers say how each target
    is distributed."""

    def __init__(self, network: nn.Module, outputs: int):
        super().__init__()
        self.network, self.outputs = network, outputs

    def encode(self, z: Tensor, y: Tensor) -> Tree:
        return self.network.encode(z, y)  # type: ignore[operator]

    def decode(self, code: Tree, z: Tensor) -> Tensor:
        return self.network.decode(code, z).unflatten(-1, (self.outputs, -1))  # type: ignore[operator]

    def both(self, z: Tensor, y: Tensor, queries: Tensor) -> Tensor:
        return at_once(self.network, z, y, queries).unflatten(-1, (self.outputs, -1))  # type: ignore[no-any-return]

    def objective(
        self, z: Tensor, y: Tensor, queries: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        network: Any = self.network
        answers, cost = network.objective(z, y, queries, targets)
        return answers.unflatten(-1, (self.outputs, -1)), cost

    def embed(self, code: Tree) -> Any:
        return self.network.embed(code)  # type: ignore[operator]


class SetNetwork(Encoder):
    """A `SetModel` as `init` and `apply`; what it gives may be a code, a tree of tensors."""

    def _checked(self, outputs: Any) -> Any:
        return outputs


def set_network(
    model: Model | None,
    make: Callable[..., nn.Module],
    *,
    name: str = "set_network",
    inputs: int,
    targets: int,
    numbers: int | None = 2,
    **sizes: int,
) -> SetNetwork:
    """The set network `make(width of z, width of y, outputs, **sizes)` over the features of `model`.

    model: x (rows, ...) -> (rows, d); None: the input's own numbers, `inputs` of them.
    name: of the learner, which a sentence about a size that cannot be begins with.
    targets: numbers in a target, each distributed by so many `numbers`; 0 to tell classes apart.
    numbers: None for a network that gives its answers the shape that the likelihood reads; its
        `outputs` are then the targets.
    """
    check_sizes(name, {"inputs": inputs, "targets": targets, **sizes})

    def over(features: nn.Module) -> nn.Module:
        width = inputs if isinstance(features, nn.Flatten) else Encoder(features).features
        outputs = targets if numbers is None else numbers * targets or 1
        try:
            network = make(width, targets or 1, outputs, **sizes)
        except (RuntimeError, TypeError, OverflowError) as error:  # a size beyond all memory
            raise InputError(
                f"{name} cannot be made with these settings ({reason(error)}); change them.",
                f"{name} 无法按这些设置构造（{reason(error)}）；请修改设置。",
            ) from error
        if targets:
            whole = network if numbers is None else Numbers(network, targets)
        else:
            whole = network if hasattr(network, "any_ways") else OneAgainstTheRest(network)
        return SetModel(features, whole)

    if isinstance(model, nn.Module):
        return SetNetwork(over(model))
    return SetNetwork(lambda: over(nn.Flatten() if model is None else made_by(model)))


def sum_of(rows: Tensor) -> dict[str, Tensor]:
    """What support rows say (S, width) as a sum and a count, to which those of further rows add."""
    return {"sum": rows.sum(0), "count": rows.new_full((1,), float(len(rows)))}


def mean_of(code: dict[str, Tensor]) -> Tensor:
    """(width,); nought of no rows."""
    return code["sum"] / code["count"].clamp(min=1)


def perceptron(inputs: int, outputs: int, *, width: int, depth: int) -> nn.Sequential:
    """`depth` layers with GELU between them.

    >>> [type(layer).__name__ for layer in perceptron(2, 1, width=8, depth=2)]
    ['Linear', 'GELU', 'Linear']
    """
    sizes = [inputs, *[width] * (depth - 1), outputs]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers[:-1])
