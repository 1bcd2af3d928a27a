"""Low-rank adapters beside frozen weights (LoRA: Hu et al. 2022, arXiv:2106.09685)."""

from __future__ import annotations

import copy
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from innerloop.errors import InputError


class LowRank(nn.Module):
    """weight -> weight + scale * up @ down; `up` begins at zero, so that nothing changes at first."""

    def __init__(self, weight: Tensor, rank: int, scale: float):
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(weight.new_empty(rank, columns))
        self.up = nn.Parameter(weight.new_empty(rows, rank))
        self.scale = scale
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.down, std=self.down.shape[1] ** -0.5)
        nn.init.zeros_(self.up)

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * self.up @ self.down


def with_adapters(
    module: nn.Module, rank: int = 4, *, layers: str = "*", free: str = "", scale: float = 1.0
) -> nn.Module:
    """A copy in which every linear layer (attention's projections too) has a low-rank matrix added
    to its weight, and only those matrices learn: in the inner loop and across tasks.

    layers: a pattern over the names of layers that get one, "encoder.*". free: patterns over the
    names of parameters that go on learning as well, "head.*,*.bias".

    >>> net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    >>> small = with_adapters(net, rank=1, layers="0", free="2.*")
    >>> [name for name, p in small.named_parameters() if p.requires_grad]
    ['0.parametrizations.weight.0.down', '0.parametrizations.weight.0.up', '2.weight', '2.bias']
    """
    adapted = copy.deepcopy(module)
    if hasattr(adapted, "spec"):
        del adapted.spec  # the call that made it would make it without adapters
    kept = [pattern.strip() for pattern in free.split(",")]
    for name, parameter in adapted.named_parameters():
        parameter.requires_grad_(any(fnmatchcase(name, pattern) for pattern in kept))
    found = 0
    for name, layer in list(adapted.named_modules()):
        weights = [w for w in ("weight", "in_proj_weight") if _is_linear(layer, w)]
        if not fnmatchcase(name, layers):
            continue
        for weight in weights:
            matrix = getattr(layer, weight)
            if rank < 1 or rank > min(matrix.shape):
                raise InputError(
                    f"rank must be from 1 to the smaller side of a weight, got {rank} for {name} of "
                    f"{tuple(matrix.shape)}; lower it, or leave the layer out by layers=.",
                    f"rank 须在 1 与权重较小边长之间，{name} 的形状为 {tuple(matrix.shape)}，收到 {rank}；"
                    "请减小 rank，或用 layers= 排除该层。",
                )
            parametrize.register_parametrization(layer, weight, LowRank(matrix, rank, scale))
            found += 1
    if not found:
        raise InputError(
            f"layers={layers!r} fits no linear layer of {type(module).__name__}; its layers are: "
            f"{', '.join(n for n, _ in module.named_modules() if n)}.",
            f"layers={layers!r} 与 {type(module).__name__} 的任何线性层都不匹配；其各层为："
            f"{'、'.join(n for n, _ in module.named_modules() if n)}。",
        )
    return adapted


def _is_linear(layer: nn.Module, weight: str) -> bool:
    if weight == "weight":
        return isinstance(layer, nn.Linear)
    return isinstance(layer, nn.MultiheadAttention) and isinstance(
        layer.in_proj_weight, torch.Tensor
    )
