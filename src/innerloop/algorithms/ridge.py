"""Ridge regression as the inner loop: R2-D2 (Bertinetto, Henriques, Torr and Vedaldi 2019,
arXiv:1805.08136)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from innerloop.core import Episode, Examples, Meta, Params
from innerloop.errors import InputError
from innerloop.inner.prototypes import membership
from innerloop.losses import Loss, mean_loss
from innerloop.models import Encoder
from innerloop.models.network import Model
from innerloop.outer import algorithm
from innerloop.tree import Tree, rows, tree_map

STRENGTH, SCALE = "ridge.log_strength", "ridge.log_scale"


@dataclass(frozen=True)
class Ridge:
    network: Encoder
    loss: Loss | None
    strength: float
    scale: float
    standardise: bool
    single_pass = True

    def __post_init__(self) -> None:
        for name, value in (("strength", self.strength), ("scale", self.scale)):
            if not (0 < value < math.inf):
                raise InputError(
                    f"{name} must be a finite number above 0, got {value}; 1 is usual.",
                    f"{name} 必须是大于 0 的有限数，收到 {value}；通常取 1。",
                )

    def init(self, generator: Generator | None = None) -> Meta:
        params, state = self.network.init(generator)
        like = next(iter(params.values()), torch.zeros(()))
        params[STRENGTH] = like.new_tensor(self.strength).log()
        params[SCALE] = like.new_tensor(self.scale).log()
        return Meta(params, state)

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        features = self.network.apply(*_split(meta), support.x).flatten(1)
        return self._solve(meta, features, support)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return _answer(fast, self.network.apply(*_split(meta), x).flatten(1))

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        weights, buffers = _split(meta)
        both = tree_map(lambda s, q: torch.cat([s, q]), episode.support.x, episode.query.x)
        features, state = self.network.observe(weights, buffers, both, training=True)
        features, first = features.flatten(1), rows(episode.support.x)
        fast = self._solve(meta, features[:first], episode.support)
        return mean_loss(self.loss, _answer(fast, features[first:]), episode.query), state

    def _solve(self, meta: Meta, features: Tensor, support: Examples) -> Params:
        """A linear layer {"weight": (d, N), "bias": (N,)} from features (S, d)."""
        y = targets(support).to(features.dtype)  # (S, N)
        counts = weights(support).to(features.dtype)[:, None]  # (S, 1)
        if support.mask is not None:
            features = torch.where(support.mask[:, None], features, 0.0)
        count = counts.sum().clamp(min=1)
        centre, middle = (features * counts).sum(0) / count, (y * counts).sum(0) / count
        x, y = features - centre, y - middle
        spread = torch.ones_like(centre)
        if self.standardise:
            spread = ((x.square() * counts).sum(0) / count).sqrt()
            spread = torch.where(spread > 1e-9 * (1 + centre.abs()), spread, 1.0)
        root = counts.sqrt()
        weight = ridge_weights(x * root / spread, y * root, meta.params[STRENGTH].exp())
        weight = weight / spread[:, None]
        bias = middle - centre @ weight
        if support.y.dtype.is_floating_point:
            return {"weight": weight, "bias": bias}
        scale = meta.params[SCALE].exp()
        bias = scale * bias
        if support.is_classification:  # a class without a single example cannot be the answer
            present = (membership(support) & (counts > 0)).any(0)
            bias = torch.where(present, bias, -torch.inf)
        return {"weight": scale * weight, "bias": bias}


def ridge_weights(x: Tensor, y: Tensor, strength: Tensor) -> Tensor:
    """(d, N), solved in the rows or in the features, whichever are fewer.

    >>> ridge_weights(torch.eye(2), torch.ones(2, 1), torch.tensor(1.0)).flatten()
    tensor([0.5000, 0.5000])
    """
    rows, features = x.shape
    if rows < features:
        eye = torch.eye(rows, dtype=x.dtype, device=x.device)
        return x.T @ torch.linalg.solve(x @ x.T + strength * eye, y)
    eye = torch.eye(features, dtype=x.dtype, device=x.device)
    return torch.linalg.solve(x.T @ x + strength * eye, x.T @ y)


def targets(support: Examples) -> Tensor:
    """(S, N): 1 for the row's class and 0 for others, 1 or -1 for labels, numbers as they are."""
    if support.is_classification:
        return membership(support)
    return 2 * support.y.to(torch.int8) - 1 if support.is_multilabel else support.y


def weights(support: Examples) -> Tensor:
    """(S,) how much each row counts: 0 where it pads; every class as much as another in all."""
    real = torch.ones(len(support.y), device=support.y.device)
    if support.mask is not None:
        real = support.mask.to(real.dtype)
    if not support.is_classification:
        return real
    member = membership(support) * real[:, None]  # (S, N)
    sizes = member.sum(0)
    share = real.sum() / (sizes > 0).sum().clamp(min=1) / sizes.clamp(min=1)  # (N,)
    return member @ share


def _answer(fast: Params, features: Tensor) -> Tensor:
    return features @ fast["weight"] + fast["bias"]  # (rows, N)


def _split(meta: Meta) -> tuple[Params, Params]:
    own = (STRENGTH, SCALE)
    return {n: p for n, p in meta.params.items() if n not in own}, meta.state


@algorithm(encoder=True)
def ridge(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    strength: float = 1.0,
    scale: float = 5.0,
    standardise: bool = False,
) -> Ridge:
    """Embed, and solve a ridge regression on the support set in closed form.

        W = argmin ||f(X) W - Y||² + strength ||W||² = f(X)' (f(X) f(X)' + strength I)^-1 Y
        p(n | x) = softmax_n(scale * f(x) W_n);   numbers are f(x) W

    Y holds 1 where the row is of the class, else 0; or the numbers to regress. Features and Y are
    centred on the support set, which is an intercept that is not penalised (the paper has none);
    where classes have unequal numbers of examples, each counts as much as another.
    model: an encoder without an output layer; None takes the inputs themselves, flattened.
    strength, scale: where both begin; they are learnt across tasks with the encoder.
    standardise: divide each feature by its standard deviation over the support set.
    An adapted task is one linear layer; any number of ways, and regression alike.

    >>> import torch, innerloop as il
    >>> learner = il.ridge(strength=1e-6)
    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> fast = learner.adapt(learner.init(), il.Examples(x, 3 * x + 1))
    >>> learner.predict(learner.init(), fast, torch.tensor([[10.0]])).round()
    tensor([[31.]])
    """
    return Ridge(
        Encoder(nn.Flatten() if model is None else model), loss, strength, scale, standardise
    )
