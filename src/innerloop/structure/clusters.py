"""Points that stand for tasks: laid out in the plane, joined to their neighbours, and grouped."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from innerloop.episodes import Stream

Layout = Literal["pca", "tsne"]
MOST = 8  # groups, where their number is not known


class Scale(NamedTuple):
    """Mean and deviation (d,) of every column; the deviation is 0 where it does not vary."""

    mean: Tensor
    spread: Tensor


def scale_of(points: Tensor) -> Scale:
    points = points.double()
    spread = points.std(0, unbiased=False)
    varies = spread > 1e-9 * (1 + points.abs().amax(0))
    return Scale(points.mean(0), torch.where(varies, spread, 0.0))


def standardised(points: Tensor, scale: Scale | None = None) -> Tensor:
    """(T, d) every column with mean 0 and deviation 1, by the points' own scale or another's; a
    column that does not vary is 0.

    >>> standardised(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    tensor([[-1.,  0.],
            [ 1.,  0.]], dtype=torch.float64)
    """
    mean, spread = scale or scale_of(points)
    varies = spread > 0
    return torch.where(varies, (points.double() - mean) / torch.where(varies, spread, 1.0), 0.0)


def laid_out(points: Tensor, how: Layout = "pca", seed: int = 0) -> Tensor:
    """(T, 2): the two directions in which the points vary most, or t-SNE (van der Maaten and Hinton
    2008), which keeps neighbours together and means nothing by its distances."""
    if how == "pca":
        return principal(points)
    from sklearn.manifold import TSNE  # imports slowly: only who wants it waits

    perplexity = min(30.0, (len(points) - 1) / 3)
    made = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    found = made.fit_transform(points.numpy())
    return torch.from_numpy(np.ascontiguousarray(found))


def principal(points: Tensor) -> Tensor:
    """(T, 2): along the first two principal directions, each pointing where its largest part is
    positive, so that a map is the same each time.

    >>> principal(torch.tensor([[0.0, 0.0], [3.0, 0.0], [-3.0, 0.0]]))[:, 0]
    tensor([ 0.,  3., -3.])
    """
    _, _, directions = torch.linalg.svd(points - points.mean(0), full_matrices=False)
    two = directions[:2]
    largest = two.gather(1, two.abs().argmax(1, keepdim=True))
    return (points - points.mean(0)) @ (two * largest.sign()).T


def nearest_others(points: Tensor, count: int) -> Tensor:
    """(T, count) the numbers of the nearest other points, the nearest first."""
    far = torch.cdist(points, points).fill_diagonal_(torch.inf)
    return far.topk(min(count, len(points) - 1), largest=False).indices


def grouped(points: Tensor, groups: int | None = None, seed: int = 0) -> Tensor:
    """(T,) k-means into so many groups; None: into as many as give the best silhouette (Rousseeuw
    1987, doi:10.1016/0377-0427(87)90125-7).

    >>> grouped(torch.tensor([[0.0], [0.1], [5.0], [5.1]]), 2).unique(return_counts=True)[1]
    tensor([2, 2])
    """
    most = min(len(points.unique(dim=0)), len(points) - 1)
    if groups is not None or most < 2:
        return means(points, min(groups or 1, max(most, 1)), seed)
    from sklearn.metrics import silhouette_score

    tried = [means(points, k, seed) for k in range(2, min(MOST, most) + 1)]
    return max(tried, key=lambda labels: float(silhouette_score(points.numpy(), labels.numpy())))


def means(points: Tensor, groups: int, seed: int) -> Tensor:
    from sklearn.cluster import KMeans

    made = KMeans(groups, n_init=10, random_state=seed).fit(points.numpy())
    return torch.from_numpy(made.labels_.astype(np.int64))


def adjusted_rand(groups: Tensor, kinds: Tensor) -> float:
    """1 where two groupings are the same, 0 on average where they have nothing to do with each
    other (Hubert and Arabie 1985, doi:10.1007/BF01908075)."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(kinds.numpy(), groups.numpy()))


def kinds_of(stream: Stream, seed: int, tasks: int) -> Tensor | None:
    """(T,) which of the stream's known families each of its first tasks is of; None where it knows
    no families."""
    ask: Any = getattr(stream, "kinds", None)
    found = None if ask is None else ask(seed, np.arange(tasks))
    return None if found is None else torch.as_tensor(np.asarray(found), dtype=torch.int64)
