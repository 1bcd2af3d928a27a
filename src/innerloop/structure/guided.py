"""An encoder's points, moved so that families known at meta-training lie together.

Supervised contrastive learning (Khosla et al. 2020, arXiv:2004.11362).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from innerloop.core import Examples
from innerloop.episodes import Stream
from innerloop.errors import InputError
from innerloop.evaluation.adaptation import batches
from innerloop.language import say
from innerloop.structure.clusters import kinds_of, scale_of, standardised
from innerloop.structure.point import Point, TaskEncoder, coordinates

TEMPERATURE, LR, DECAY = 0.1, 2e-3, 0.05
AT_ONCE = 200  # tasks


def guided(
    encoder: TaskEncoder,
    tasks: Stream,
    *,
    episodes: int = 10_000,
    steps: int = 3_000,
    meta_batch: int = 256,
    width: int = 128,
    dims: int = 16,
    seed: int = 0,
) -> TaskEncoder:
    """A perceptron after the encoder, by which tasks of one family are drawn together.

        e = normalised perceptron(point of the support set)
        loss = - mean over t, and over u of t's family, of log exp(e_t . e_u / 0.1) / sum_v exp(e_t . e_v / 0.1)

    tasks: `tasks.train`, whose stream knows its families; only these tasks' families are looked
        at, so that a map of other tasks still says something: whether what tells families apart
        carries over. episodes: how many of them are met.

    >>> import innerloop as il
    >>> tasks = il.tasks.mixture()
    >>> encode = guided(il.structure.contrastive(tasks.train, steps=2), tasks.train, episodes=50, steps=2)
    >>> encode.many(tasks.test.sample(tasks=3)).mean.shape
    torch.Size([3, 16])
    """
    kinds = kinds_of(tasks, seed, episodes)
    if kinds is None:
        raise InputError(
            f"tasks of {tasks.name} have no known families that could guide a map; use the learner's own "
            "encoder, or a contrastive one.",
            f"{tasks.name} 的任务没有可用来引导任务图的已知族；请使用学习器自身的编码器或对比编码器。",
        )
    met = batches(tasks, episodes, seed, AT_ONCE, None)
    points = torch.cat([coordinates(encoder.many(part)) for _, part in met])
    scale = scale_of(points)
    net = trained(standardised(points, scale).float(), kinds, steps, meta_batch, width, dims, seed)

    def one(support: Examples) -> Point:
        raw = coordinates(encoder.one(support))
        mean = F.normalize(net(standardised(raw[None], scale).float()), dim=-1)[0]
        return Point(mean, torch.zeros_like(mean))

    name = say(f"{encoder.name}, guided by families", f"{encoder.name}（由已知族引导）")
    return TaskEncoder(name, one, encoder.place)


def trained(
    points: Tensor, kinds: Tensor, steps: int, meta_batch: int, width: int, dims: int, seed: int
) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(points.shape[1], width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, dims),
        )
        optimiser = torch.optim.AdamW(net.parameters(), LR, weight_decay=DECAY)
        rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
        for _ in range(steps):
            some = torch.randint(len(points), (min(meta_batch, len(points)),))
            loss = apart(F.normalize(net(points[some]), dim=-1), kinds[some])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
    return net.requires_grad_(False)


def apart(e: Tensor, kinds: Tensor) -> Tensor:
    """The loss of (T, dims) points of length one.

    >>> e = torch.eye(2)[[0, 0, 1, 1]]
    >>> bool(apart(e, torch.tensor([0, 0, 1, 1])) < apart(e, torch.tensor([0, 1, 0, 1])))
    True
    """
    itself = torch.eye(len(e), dtype=torch.bool)
    alike = (kinds[:, None] == kinds) & ~itself
    logs = (e @ e.T / TEMPERATURE).masked_fill(itself, -torch.inf).log_softmax(1)
    return -(torch.where(alike, logs, 0.0).sum(1) / alike.sum(1).clamp(min=1)).mean()
