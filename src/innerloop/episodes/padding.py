"""Tasks of unequal ways and shots as one batch: rows that pad, and masks that say which are real."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from innerloop.core import Episode, Episodes, Examples
from innerloop.tree import tree_map


def together(episodes: Sequence[Episode]) -> Episodes:
    """T tasks as one batch; `Episodes.alike` takes it apart again.

    Where all have one shape nothing is padded and there are no masks. `task` and `classes` must
    be there for all or for none.

    >>> few, many = (Examples(torch.ones(n, 2), torch.arange(n)) for n in (2, 3))
    >>> batch = together([Episode(few, few), Episode(many, many)])
    >>> batch.support.mask.tolist(), batch.support.ways
    ([[True, True, False], [True, True, True]], 3)
    """
    classes = [e.classes for e in episodes if e.classes is not None]
    numbers = [e.task for e in episodes if e.task is not None]
    shapes = {(len(e.support.y), len(e.query.y), e.support.ways) for e in episodes}
    return Episodes(
        side([e.support for e in episodes], masked=len(shapes) > 1),
        side([e.query for e in episodes], masked=len(shapes) > 1),
        task=torch.stack(numbers) if numbers else None,
        classes=torch.stack(filled(classes, -1)) if classes else None,
    )


def side(examples: Sequence[Examples], *, masked: bool) -> Examples:
    counts = torch.tensor([len(e.y) for e in examples])
    mask = torch.arange(int(counts.max())) < counts[:, None] if masked else None
    x = tree_map(lambda *leaves: torch.stack(filled(leaves)), *(e.x for e in examples))
    ways = max((e.ways or 0) for e in examples) or None
    return Examples(x, torch.stack(filled([e.y for e in examples])), mask=mask, ways=ways)


def filled(leaves: Sequence[Tensor], value: int = 0) -> list[Tensor]:
    """All as long as the longest, the rest holding `value`."""
    longest = max(len(leaf) for leaf in leaves)
    return [
        torch.cat([leaf, leaf.new_full((longest - len(leaf), *leaf.shape[1:]), value)])
        if len(leaf) < longest
        else leaf
        for leaf in leaves
    ]
