import torch
from torch import nn

import innerloop as il
from innerloop import Episodes, Examples, Meta

STEPS = 3


def regression_tasks(tasks: int, *, same: bool = False) -> Episodes:
    """x (T, 6, 3) and y (T, 6, 1) in float64; `same`: one task over and over."""
    g = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
        x = torch.randn(1 if same else tasks, 6, 3, generator=g, dtype=torch.float64)
        x = x.expand(tasks, -1, -1).clone()
        sides.append(Examples(x, x.sum(-1, keepdim=True).sin()))
    return Episodes(*sides)


def uneven(tasks: int) -> Episodes:
    """Regression tasks of 3 or 6 support rows and 2 to 5 query rows."""
    even = regression_tasks(tasks)
    rows = torch.arange(6).expand(tasks, 6)
    of = torch.arange(tasks)[:, None]
    masks = [rows < 3 + 3 * (of % 2), rows < 2 + of % 4]
    return Episodes(
        *(
            Examples(e.x, e.y, mask)
            for e, mask in zip((even.support, even.query), masks, strict=True)
        )
    )


def with_a_bad_task(tasks: int) -> Episodes:
    episodes = regression_tasks(tasks)
    episodes.support.x[tasks // 2, 0] = torch.nan
    return episodes


def none_finite(tasks: int) -> Episodes:
    episodes = regression_tasks(tasks)
    episodes.support.x[:] = torch.nan
    return episodes


def share_of(episodes: Episodes, learner=None, each=lambda: None):
    """(a share of these episodes, a meta for it); step s is the batch scaled by 1 + s / 10."""
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double()
    learner = learner or il.maml(net, inner_lr=0.1, inner_steps=2)

    def share(meta, step, tasks):
        each()
        params = {n: leaf * (1 + step / 10) for n, leaf in meta.params.items()}
        return learner.totals(Meta(params, meta.state), episodes[tasks.start : tasks.stop])

    return share, learner.init()


def found_by(share, meta, tasks=5, steps=STEPS):
    return [share(meta, step, range(tasks)).mean(meta.state) for step in range(steps)]
