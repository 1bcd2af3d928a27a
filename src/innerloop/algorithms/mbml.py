"""A learner that a task's encoding conditions and that gradient steps refine: ours, of known parts.

FiLM (Perez et al. 2018, arXiv:1709.07871) by a set encoder as in CNAPs (Requeima et al. 2019,
arXiv:1906.07697), steps of learnt length as in Meta-SGD (arXiv:1707.09835), and the attention of
neural processes (arXiv:1901.05761) to what the steps leave unexplained.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.core import Params
from innerloop.inner import Learnt, check_steps, descend
from innerloop.inner.amortised import Amortised
from innerloop.inner.rules import RATE
from innerloop.likelihoods import Categorical, Normal
from innerloop.losses import Loss
from innerloop.models.attention import Block
from innerloop.models.network import Model
from innerloop.models.sets import perceptron, set_network
from innerloop.outer import algorithm
from innerloop.tree import Tree


class Modulated(nn.Module):
    """Features of an input, as the task's latent vector makes them: layers of which it scales and
    shifts every unit."""

    def __init__(self, inputs: int, *, width: int, depth: int):
        super().__init__()
        self.lift = nn.Linear(inputs, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.film = nn.Linear(width, 2 * depth * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, latent: Tensor, z: Tensor) -> Tensor:
        film = self.film(latent).unflatten(-1, (len(self.layers), 2, -1))
        h = self.lift(z)
        for number, layer in enumerate(self.layers):
            scale, shift = film[number]
            after = layer(F.gelu(h * (1 + scale) + shift))
            h = h + after if number else after
        return self.norm(h)  # type: ignore[no-any-return]


class Refined(nn.Module):
    """An encoder's first guess of a task, gradient steps from there, and attention to the rest."""

    def __init__(
        self,
        inputs: int,
        targets: int,
        *,
        numbers: bool,
        width: int,
        depth: int,
        layers: int,
        heads: int,
        inner_lr: float,
        inner_steps: int,
    ):
        super().__init__()
        self.targets, self.numbers, self.steps = targets, numbers, inner_steps
        self.row = perceptron(inputs + 3 * targets, width, width=width, depth=3)
        self.first = nn.Linear(1, width, bias=False)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)
        self.features = Modulated(inputs, width=width, depth=depth)
        self.guess = nn.Linear(width, width * targets)
        self.rule, self.pull = Learnt(inner_lr), nn.Parameter(torch.tensor(-3.0))
        self.rates = nn.Parameter(torch.full((width, targets), float(inner_lr)))
        self.left = nn.Linear(2 * width + 2 * targets, width)
        self.ask = nn.Linear(width + targets, width)
        self.correction = Block(width, heads)
        self.last = nn.LayerNorm(width)
        self.answer = perceptron(width, (1 + numbers) * targets, width=width, depth=2)

    def encode(self, z: Tensor, y: Tensor) -> dict[str, Tree]:
        centre, scale = self.unit(y)
        y = (y - centre) / scale  # (S, targets)
        unit = torch.cat([centre / scale, scale.log()]).expand(len(y), -1)
        tokens = torch.cat([self.first.weight.T, self.row(torch.cat([z, y, unit], -1))])
        for block in self.blocks:
            tokens, _ = block.among(tokens, len(tokens))  # type: ignore[operator]
        tokens = self.norm(tokens)  # (1 + S, width)
        latent = tokens[0]
        features = self.features(latent, z)
        weights = self.refined(latent, features, y)
        guess = self.explained(features, weights)
        left = self.left(torch.cat([tokens[1:], features, guess, y - guess], -1))
        known = self.correction.keys_and_values(torch.cat([tokens[:1], left]))
        task = {"centre": centre, "scale": scale, "latent": latent, "weights": weights}
        return {**task, "known": known}

    def refined(self, latent: Tensor, features: Tensor, y: Tensor) -> Tensor:
        """The weights of the features (width, targets), from the encoder's guess on down the
        squared error of the support rows, drawn back to the guess."""
        guess = self.guess(latent).unflatten(-1, (-1, self.targets))

        def support_loss(moved: Params) -> Tensor:
            error = (self.explained(features, moved["weights"]) - y).square().sum()
            away = (moved["weights"] - guess).square().mean()
            return error / (2 * (len(y) + 1)) + F.softplus(self.pull) * away / 2

        learnt: Params = {RATE + "weights": self.rates}
        start = {"weights": guess}
        end = descend(support_loss, start, self.rule, self.steps, learnt=learnt)
        return end["weights"]

    def explained(self, features: Tensor, weights: Tensor) -> Tensor:
        """(rows, targets); the features of a row have a length near 1, so that steps are stable."""
        return features @ weights / features.shape[-1] ** 0.5

    def decode(self, code: Any, z: Tensor) -> Tensor:
        features = self.features(code["latent"], z)
        guess = self.explained(features, code["weights"])
        asked = self.ask(torch.cat([features, guess], -1))
        found = self.answer(self.last(self.correction(asked, code["known"])))
        if not self.numbers:
            return guess + found  # type: ignore[no-any-return]
        more, spread = found.unflatten(-1, (self.targets, 2)).unbind(-1)
        mean = code["centre"] + code["scale"] * (guess + more)
        std = code["scale"] * F.softplus(spread) + 1e-4
        return torch.stack([mean, std + (-torch.expm1(-std)).log()], -1)  # softplus gives std again

    def unit(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and spread of the support targets, with one more target of mean 0 and spread 1;
        classes, which are -1 and 1, stay as they are."""
        if not self.numbers:
            return torch.zeros_like(y.sum(0)), torch.ones_like(y.sum(0))
        centre = y.sum(0) / (len(y) + 1)
        return centre, (((y - centre).square().sum(0) + 1) / (len(y) + 1)).sqrt()

    def embed(self, code: Any) -> Tensor:
        return code["latent"]  # type: ignore[no-any-return]


@algorithm(steps=20_000, meta_batch=50, lr=1e-3)
def mbml(
    model: Model | None = None,
    loss: Loss | None = None,
    *,
    inputs: int = 1,
    targets: int = 1,
    inner_lr: float = 1.0,
    inner_steps: int = 3,
    width: int = 64,
    depth: int = 3,
    layers: int = 2,
    heads: int = 4,
    least_std: float = 0.01,
) -> Amortised:
    """An encoder conditions a network on the task, gradient steps refine it, attention corrects it.

        latent, w_0 = encoder of the support set (self-attention),   f(x) = features of x, FiLM(latent)
        w_k+1 = w_k - rates * grad [ |y - f w_k|^2 / 2 + pull |w_k - w_0|^2 / 2 ]   k = 0 .. inner_steps - 1
        p(y | x) = Normal(f(x) w + attention(x to support rows and what is left of them), std(x))

    For mixtures of kinds of task: the encoder tells the kind and the features that suit it, in which
    the steps have little left to do. `replace(inner_steps=0)` answers from the encoder's guess.
    model: features of an input, x (rows, ...) -> (rows, d); None: its numbers, `inputs` of them.
    targets: numbers in a target; 0 to tell classes apart, each asked of as "this one or another?".
    inner_lr: where the rate of each weight begins, which is learnt across tasks.
    width, depth: of the network that is conditioned; layers, heads: of the encoder.
    least_std: the least standard deviation it can claim.
    An adapted task holds the latent vector, which is its embedding, w, and keys and values of the
    support rows; an empty support set gives the prior.

    >>> import torch, innerloop as il
    >>> learner = il.mbml(inputs=1, targets=1, width=8, layers=1)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> fast = learner.adapt(meta, il.Examples(torch.zeros(3, 1), torch.ones(3, 1)))
    >>> learner.predict(meta, fast, torch.zeros(5, 1)).shape  # mean and spread of each
    torch.Size([5, 1, 2])
    """
    check_steps(inner_steps)
    sizes = {"width": width, "depth": depth, "layers": layers, "heads": heads}

    def make(inputs: int, width_of_y: int, outputs: int) -> nn.Module:
        how = {"numbers": bool(targets), "inner_lr": inner_lr, "inner_steps": inner_steps}
        return Refined(inputs, width_of_y, **sizes, **how)  # type: ignore[arg-type]

    network = set_network(model, make, inputs=inputs, targets=targets, numbers=None)
    likelihood = Normal(least_std) if targets else Categorical()
    return Amortised(network, loss, likelihood, targets, has_prior=True, name="mbml")
