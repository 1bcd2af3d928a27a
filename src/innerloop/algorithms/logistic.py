"""Logistic regression as the inner loop: LR-D2 (Bertinetto, Henriques, Torr and Vedaldi 2019,
arXiv:1805.08136), for many classes as well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from innerloop.algorithms.ridge import weights
from innerloop.core import Episode, Examples, Meta, Params
from innerloop.errors import InputError
from innerloop.inner.prototypes import membership, require_classes
from innerloop.losses import Loss, mean_loss
from innerloop.models import Encoder
from innerloop.models.network import Model
from innerloop.outer import algorithm
from innerloop.tree import Tree, rows, tree_map

STRENGTH, SCALE = "logistic.log_strength", "logistic.log_scale"


@dataclass(frozen=True)
class Logistic:
    network: Encoder
    loss: Loss | None
    strength: float
    scale: float
    inner_steps: int
    single_pass = True

    def __post_init__(self) -> None:
        for name, value in (("strength", self.strength), ("scale", self.scale)):
            if not (0 < value < math.inf):
                raise InputError(
                    f"{name} must be a finite number above 0, got {value}; 0.1 and 1 are usual.",
                    f"{name} 必须是大于 0 的有限数，收到 {value}；通常取 0.1 与 1。",
                )
        if self.inner_steps < 1:
            raise InputError(
                f"inner_steps must be 1 or more, got {self.inner_steps}; 30 is usual.",
                f"inner_steps 至少为 1，收到 {self.inner_steps}；通常取 30。",
            )

    def init(self, generator: Generator | None = None) -> Meta:
        params, state = self.network.init(generator)
        like = next(iter(params.values()), torch.zeros(()))
        params[STRENGTH] = like.new_tensor(self.strength).log()
        params[SCALE] = like.new_tensor(self.scale).log()
        return Meta(params, state)

    def adapt(self, meta: Meta, support: Examples, *, generator: Generator | None = None) -> Params:
        require_classes("logistic", support)
        features = self.network.apply(*_split(meta), support.x).flatten(1)
        return self._solve(meta, features, support)

    def predict(self, meta: Meta, fast: Tree, x: Tree) -> Tensor:
        return _answer(fast, self.network.apply(*_split(meta), x).flatten(1))

    def task_loss(
        self, meta: Meta, episode: Episode, generator: Generator | None = None
    ) -> tuple[Tensor, Params]:
        require_classes("logistic", episode.support)
        params, buffers = _split(meta)
        both = tree_map(lambda s, q: torch.cat([s, q]), episode.support.x, episode.query.x)
        features, state = self.network.observe(params, buffers, both, training=True)
        features, first = features.flatten(1), rows(episode.support.x)
        fast = self._solve(meta, features[:first], episode.support)
        return mean_loss(self.loss, _answer(fast, features[first:]), episode.query), state

    def _solve(self, meta: Meta, features: Tensor, support: Examples) -> Params:
        """A linear layer {"weight": (d, N), "bias": (N,)} from features (S, d)."""
        member = membership(support).to(features.dtype)  # (S, N)
        counts = weights(support).to(features.dtype)  # (S,)
        if support.mask is not None:
            features = torch.where(support.mask[:, None], features, 0.0)
        centre = (features * counts[:, None]).sum(0) / counts.sum().clamp(min=1)
        present = (member * counts[:, None]).sum(0) > 0  # (N,)
        weight, bias = logistic_weights(
            features - centre,
            member,
            counts,
            present,
            meta.params[STRENGTH].exp(),
            self.inner_steps,
        )
        scale = meta.params[SCALE].exp()
        bias = torch.where(present, scale * (bias - centre @ weight), -torch.inf)
        return {"weight": scale * weight, "bias": bias}


def logistic_weights(
    x: Tensor, y: Tensor, counts: Tensor, present: Tensor, strength: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """(d, N) and (N,): W and b of x (S, d), centred by the counts (S,), and of classes y (S, N).

    The second derivative in W is at most x'x / 2 + strength (Böhning 1992), whatever W is: so each
    step solves a ridge regression with one and the same matrix, in the rows or in the features,
    whichever are fewer, and steps gather momentum (Nesterov 1983).

    >>> x, y, ones = torch.tensor([[-1.0], [1.0]]), torch.eye(2), torch.ones(2)
    >>> w, b = logistic_weights(x, y, ones, ones > 0, torch.tensor(0.5), 50)
    >>> slope = x.T @ (torch.softmax(x @ w + b, 1) - y) + 0.5 * w
    >>> bool(slope.abs().max() < 1e-4)
    True
    """
    root = counts.sqrt()[:, None]
    by_rows = x.shape[0] < x.shape[1]
    heavy = x * root  # (S, d)
    gram = heavy @ heavy.T if by_rows else heavy.T @ heavy  # (r, r), r rows or features
    eye = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    inverse = torch.linalg.inv(gram / 2 + strength * eye)
    seen = x @ heavy.T if by_rows else x  # (S, r)
    back = inverse * root.T if by_rows else inverse @ (x * counts[:, None]).T  # (r, S)
    total = counts.sum().clamp(min=1)

    old = at = x.new_zeros(len(gram), y.shape[1])
    old_bias = bias_at = x.new_zeros(y.shape[1])
    for n in range(steps):
        logits = torch.where(present, seen @ at + bias_at, -torch.inf)
        wrong = logits.softmax(1) - y  # (S, N)
        new = at - back @ wrong - strength * (inverse @ at)
        new_bias = bias_at - 2 * (counts @ wrong) / total
        pace = n / (n + 3)
        at, bias_at = new + pace * (new - old), new_bias + pace * (new_bias - old_bias)
        old, old_bias = new, new_bias
    return (heavy.T @ old if by_rows else old), old_bias


def _answer(fast: Params, features: Tensor) -> Tensor:
    return features @ fast["weight"] + fast["bias"]  # (rows, N)


def _split(meta: Meta) -> tuple[Params, Params]:
    own = (STRENGTH, SCALE)
    return {n: p for n, p in meta.params.items() if n not in own}, meta.state


@algorithm(encoder=True)
def logistic(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    strength: float = 0.1,
    scale: float = 1.0,
    inner_steps: int = 30,
) -> Logistic:
    """Embed, and fit a logistic regression over all classes to the support set.

        W, b = argmin -sum_i log softmax(f(x_i) W + b)[y_i] + strength / 2 ||W||²
        p(n | x) = softmax_n(scale * (f(x) W + b))

    The paper's LR-D2 does so by Newton steps for two classes; here by `inner_steps` steps of a fixed
    bound on the second derivative with momentum, each of them a ridge regression solved beforehand, so
    that 150 classes cost little more than five. Meta-training differentiates through all of them.
    Where classes have unequal numbers of examples, each counts as much as another.
    model: an encoder without an output layer; None takes the inputs themselves, flattened.
    strength, scale: where both begin; they are learnt across tasks with the encoder.
    Where classes are many or have several examples it is the better head; `ridge` is faster, and
    predicts numbers as well.

    >>> import torch, innerloop as il
    >>> learner = il.logistic()
    >>> support = il.Examples(torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1]))
    >>> fast = learner.adapt(learner.init(), support)
    >>> learner.predict(learner.init(), fast, torch.tensor([[0.5], [4.0]])).argmax(1)
    tensor([0, 1])
    """
    return Logistic(
        Encoder(nn.Flatten() if model is None else model), loss, strength, scale, inner_steps
    )
