import torch

from innerloop import Episodes, Examples


def regression_tasks(tasks: int, *, same: bool = False) -> Episodes:
    """x (T, 6, 3) and y (T, 6, 1) in float64; `same`: one task over and over."""
    g = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
        x = torch.randn(1 if same else tasks, 6, 3, generator=g, dtype=torch.float64)
        x = x.expand(tasks, -1, -1).clone()
        sides.append(Examples(x, x.sum(-1, keepdim=True).sin()))
    return Episodes(*sides)
