"""How probable all targets of a task are together, by the chain rule."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from innerloop.core import Episode, Episodes, Examples, Meta, concatenate
from innerloop.evaluation.adaptation import adaptation_generator, in_every_task
from innerloop.evaluation.judging import likelihood_for
from innerloop.likelihoods import Likelihood
from innerloop.losses import class_columns
from innerloop.outer import Learner
from innerloop.tree import Tree, tree_map


def joint_log_likelihood(
    learner: Learner,
    meta: Meta,
    episodes: Episodes,
    *,
    seed: int = 0,
    likelihood: Likelihood | None = None,
) -> Tensor:
    """(T,) in nats per query: log p(y_1 .. y_Q | x, support) / Q, the queries in their order.

        log p(y_1 .. y_Q) = sum over i of log p(y_i | support, (x_1, y_1) .. (x_i-1, y_i-1))

    Any learner that says how its targets are distributed can be asked: each query, once answered,
    joins the support set (Bruinsma et al. 2023, arXiv:2303.14468). A transformer neural process
    that has learnt the joint distribution (`tnp(joint=True)`) answers in one pass.

    seed: of the adaptation's random numbers, as in `evaluate`.
    likelihood: what outputs mean; by default the learner's own, else by the targets' type.

    >>> import innerloop as il
    >>> learner = il.cnp(width=8)
    >>> meta = learner.init(torch.Generator().manual_seed(0))
    >>> episodes = il.tasks.sinusoids(queries=3).test.sample(seed=0, index=0, tasks=4)
    >>> joint_log_likelihood(learner, meta, episodes).shape
    torch.Size([4])
    """
    likelihood = likelihood or likelihood_for(learner, episodes.query)
    found, path = torch.empty(len(episodes), dtype=torch.float64), learner.path
    for tasks, alike in episodes.alike():
        generators = [adaptation_generator(seed, n) for n in tasks.tolist()]
        outputs, path = in_every_task(one_by_one, learner, meta, alike, path, generators)
        rows = class_columns(outputs, alike.query).flatten(0, 1)
        nll = likelihood.negative_log(rows, alike.query.y.flatten(0, 1))
        found[tasks] = -nll.view(len(tasks), -1).double().mean(1).cpu()
    return found


def one_by_one(learner: Learner, meta: Meta, episode: Episode, generator: Generator | None) -> Any:
    """(Q, ...) the answer to each query, knowing the targets of those before it."""
    method: Any = learner.method
    if getattr(method, "joint", False):
        with torch.no_grad():
            return method.predict_jointly(meta, episode)
    support, query = episode.support, episode.query
    fast, answers = learner.adapt(meta, support, generator=generator), []
    for place in range(len(query.y)):
        row = one_row(query, place)
        answers.append(learner.predict(meta, fast, row.x))
        if place == len(query.y) - 1:
            break
        if learner.can_observe:
            fast = learner.observe(meta, fast, row)
        else:
            support = concatenate(support, row)
            fast = learner.adapt(meta, support, generator=generator)
    return torch.cat(answers)


def one_row(examples: Examples, place: int) -> Examples:
    def only(leaf: Tree) -> Tree:
        return leaf[place : place + 1]

    return Examples(tree_map(only, examples.x), only(examples.y), ways=examples.ways)
