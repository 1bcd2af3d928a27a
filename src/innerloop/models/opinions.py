"""What kernel ridge regressions say of each row: of a labelled one, what they would without it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

KERNELS = ("line", "ball", "steps", "ranks", "additive", "same")
WIDTHS = (1.0, 1.0, 1.5, 0.4, 0.2, 0.5)  # where learning starts
RIDGES = (0.05, 0.5)
OPINIONS = len(KERNELS) * len(RIDGES)
CONSTANT = 3.0  # to each kernel: the mean of the labels is hardly shrunk
TIE = 0.05  # values of a feature that are nearer, in deviations, are the same


class Opinions(nn.Module):
    """Kernel ridge regressions on a task's labels; kernel widths and ridges are learnt across tasks.

        of a row x        k(x, support) (K + ridge)^-1 y
        of a support row  y - ((K + ridge)^-1 y) / diag (K + ridge)^-1

    The second is what it would be told, had it not been there (in closed form), so that both may be
    weighed alike. K is one of six kernels, of rows standardised by the support, f features varying:

        line      x . x' / f, times a width h
        ball      exp(-|x - x'|^2 / f h^2)
        steps     exp(-|x - x'|_1 / f h), like a forest of random cuts (arXiv:1606.05241)
        ranks     the same of each feature's rank among the support rows
        additive  the mean over features of exp(-|rank - rank'| / h)
        same      exp(-(share of features that differ) / h), for categories

    The order of the features does not matter, nor how many there are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.width = nn.Parameter(torch.tensor(WIDTHS).log())
        self.ridge = nn.Parameter(torch.tensor(RIDGES).log().repeat(len(KERNELS), 1))

    def near(self, x: Tensor, support: Tensor) -> Tensor:
        """(kernels, n, S) of rows (n, f) and the standardised support rows (S, f)."""
        varies = (support.abs() > 0).any(0).to(x.dtype)  # (f,)
        count = varies.sum().clamp(min=1)
        h = self.width.exp()
        apart = varies * (x[:, None] - support)  # (n, S, f)
        differ = sign(apart)
        steps = varies * (rank(x, support)[:, None] - rank(support, support))
        steps = steps * sign(steps)
        found = [
            h[0] * (x * varies) @ support.T / count,
            (-apart.square().sum(-1) / (count * h[1] ** 2)).exp(),
            (-(apart * differ).sum(-1) / (count * h[2])).exp(),
            (-steps.sum(-1) / (count * h[3])).exp(),
            ((-steps / h[4]).exp() * varies).sum(-1) / count,
            (-differ.square().sum(-1) / (count * h[5])).exp(),
        ]
        return torch.stack(found)

    def learn(self, near: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """What `say` needs, and the opinions (N, S, opinions) of the support rows themselves.

        near: (kernels, S, S). y: (S, N) what is to be told of each row, of N classes.
        """
        own = torch.eye(len(y), dtype=y.dtype, device=y.device)
        full = (near + CONSTANT)[:, None] + self.ridge.exp()[..., None, None] * own
        inverse = torch.linalg.inv(full)  # (kernels, ridges, S, S)
        weights = inverse @ y  # (kernels, ridges, S, N)
        without = y - weights / inverse.diagonal(dim1=-2, dim2=-1)[..., None]
        return weights, by_row(without)

    def say(self, near: Tensor, weights: Tensor) -> Tensor:
        """(N, n, opinions) of rows that are near (kernels, n, S) to the support rows."""
        return by_row((near + CONSTANT)[:, None] @ weights)


def by_row(found: Tensor) -> Tensor:
    """(kernels, ridges, n, N) -> (N, n, opinions)"""
    return found.flatten(0, 1).movedim(0, -1).movedim(1, 0)


def sign(apart: Tensor) -> Tensor:
    """-1 or 1, and 0 for no difference, with a smooth passage."""
    return apart / (apart.square() + TIE**2).sqrt()


def rank(x: Tensor, among: Tensor) -> Tensor:
    """(n, f) which share of the rows `among` (S, f) lies below each, equal ones by half.

    >>> rank(torch.tensor([[2.0], [9.0]]), torch.tensor([[1.0], [2.0]])).mul(100).round().tolist()
    [[75.0], [100.0]]
    """
    return (1 + sign(x[:, None] - among).mean(1)) / 2
