"""A task's gradient signature, after Task2Vec (Achille et al. 2019, arXiv:1902.03545)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad, vmap

from innerloop.core import Examples, Meta, Params
from innerloop.devices import place_of
from innerloop.errors import InputError
from innerloop.inner import Descent
from innerloop.losses import mean_loss
from innerloop.outer import Learner
from innerloop.structure.point import Point, TaskEncoder
from innerloop.tree import Tree, tree_map

LEAST = 1e-12  # of a mean squared gradient, so that its logarithm exists


def signature(learner: Learner, meta: Meta, *, dims: int = 64, seed: int = 0) -> TaskEncoder:
    """Where a support set would pull the meta-parameters, and how strongly each layer is pulled.

        g_i = gradient of the loss of support row i at the meta-parameters, of what the inner loop moves
        mean = [mean_i R g_i,  log mean_i g_i² of each tensor],   variance = [var_i(R g_i) / S,  0]

    R: a random projection to `dims` numbers, decided by `seed`: every parameter is added, with a
        random sign, to one of them (Charikar et al. 2002, doi:10.1007/3-540-45465-9_59).
    The second part is the diagonal of the empirical Fisher information, averaged over each tensor:
    Task2Vec takes the model's own labels in place of the true ones, and a fixed network.
    A signature does not depend on the rows' order. With classes it depends on theirs, as the
    learner itself does.

    >>> import innerloop as il
    >>> learner = il.maml(torch.nn.Linear(1, 1))
    >>> encode = signature(learner, learner.init(), dims=8)
    >>> encode.many(il.tasks.linear().test.sample(tasks=5)).mean.shape  # 8, and two tensors
    torch.Size([5, 10])
    """
    method = learner.method
    if not isinstance(method, Descent):
        raise InputError(
            f"a gradient signature needs a learner that descends, such as maml, got "
            f"{learner.spec.algorithm}; use structure.from_learner.",
            f"梯度签名需要 maml 这类按梯度下降的学习器，收到 {learner.spec.algorithm}；"
            "请使用 structure.from_learner。",
        )
    if dims < 1:
        raise InputError(
            f"dims must be at least 1, got {dims}; 64 is usual.",
            f"dims 至少为 1，收到 {dims}；通常用 64。",
        )
    generator = torch.Generator().manual_seed(seed)
    moving = {name: meta.params[name] for name in method.moving()}
    sketch = {n: _draw(p, dims, generator) for n, p in moving.items()}

    def one(support: Examples) -> Point:
        gradients = row_gradients(method, meta, support)  # each (S, size)
        rows = gradients[next(iter(moving))].new_zeros(len(support.y), dims)
        for name, (bucket, sign) in sketch.items():
            rows = rows.index_add(1, bucket, gradients[name] * sign)
        fisher = torch.stack([g.square().mean() for g in gradients.values()])
        spread = rows.var(0, unbiased=False) / len(rows)
        return Point(
            torch.cat([rows.mean(0), (fisher + LEAST).log()]),
            torch.cat([spread, torch.zeros_like(fisher)]),
        )

    return TaskEncoder("gradient signature", one, place_of(meta))


def _draw(parameter: Tensor, dims: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    count = parameter.numel()
    bucket = torch.randint(dims, (count,), generator=generator)
    sign = 2 * torch.randint(2, (count,), generator=generator) - 1
    return bucket.to(parameter.device), sign.to(parameter)


def row_gradients(method: Descent, meta: Meta, support: Examples) -> Params:
    """(S, size) for each parameter that moves: the gradient of every row's loss by itself. Batch
    norm takes the whole support set's statistics."""
    network, statistics = method.network, None
    weights = {n: p for n, p in meta.params.items() if n in network.names}
    if network.norms:
        _, statistics = network.observe(weights, meta.state, support.x)

    def loss_of(moved: Params, x: Tree, y: Tensor) -> Tensor:
        row = Examples(tree_map(lambda leaf: leaf[None], x), y[None], ways=support.ways)
        outputs = network.apply({**weights, **moved}, meta.state, row.x, statistics=statistics)
        return mean_loss(method.loss, outputs, row)

    moving = {name: weights[name] for name in method.moving()}
    found = vmap(grad(loss_of), (None, 0, 0))(moving, support.x, support.y)
    return {name: leaf.flatten(1) for name, leaf in found.items()}
