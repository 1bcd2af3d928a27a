"""At which place stands the right class, among all that could be?"""

from __future__ import annotations

import torch
from torch import Tensor

from innerloop.core import Meta
from innerloop.episodes import Stream
from innerloop.evaluation.temperature import logits_of
from innerloop.outer import Learner


def ranks(
    learner: Learner, meta: Meta, stream: Stream, *, episodes: int = 100, seed: int = 0
) -> Tensor:
    """(episodes, queries) the place of each query's class by its probability: 1 is the likeliest.

    Ties are counted against the learner. With as many ways as a split has classes this is the clinician's
    question: which of all these? `(ranks <= 5).double().mean()` is the top-5 accuracy. All tasks of the
    stream have one shape.

    >>> import innerloop as il
    >>> learner, tasks = il.nearest_centroid(), il.tasks.digits(ways=10, shots=5, queries=2)
    >>> found = ranks(learner, learner.init(), tasks.test, episodes=4)
    >>> found.shape, bool(found.min() >= 1), bool(found.max() <= 10)
    (torch.Size([4, 20]), True, True)
    """
    logits, right = logits_of(learner, meta, stream, episodes=episodes, seed=seed, batch=4)
    each = [place_of_right(*pair) for pair in zip(logits, right, strict=True)]
    return torch.cat(each).view(episodes, -1)


def place_of_right(logits: Tensor, right: Tensor) -> Tensor:
    """(rows,)

    >>> place_of_right(torch.tensor([[0.1, 0.7, 0.2], [0.0, 0.0, 0.0]]), torch.tensor([2, 0]))
    tensor([2, 3])
    """
    own = logits.gather(1, right[:, None])
    return (logits >= own).sum(1)
