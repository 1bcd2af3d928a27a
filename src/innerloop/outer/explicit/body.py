"""What a task computes once: the layers before the first one that moves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from innerloop.outer.explicit.program import Pass, Program, Values, add
from innerloop.outer.explicit.rules.layout import laid_out


class Body:
    """Features of the support set (`here`) and of what the last pass looks at (`there`).

    joined: the query rows are normalised by the support set's statistics, so both go through
    together, and `there` holds the support rows as well, `ahead` of the others.
    """

    def __init__(
        self, program: Program, given: Values, support: Tensor, query: Tensor, joined: bool
    ):
        self.rows, self.parameters = len(support), len(given)
        if joined:
            both = laid_out(torch.cat([support, query]))
            whole = Pass.forward(program.seeing(self.rows), given, [both])
            self.passes = [whole]
            self.there = whole.outputs()
            self.here = [value[: self.rows] for value in self.there]
            self.ahead: int | None = self.rows
        else:
            sides = map(laid_out, (support, query))
            self.passes = [Pass.forward(program, given, [rows]) for rows in sides]
            self.here, self.there = (each.outputs() for each in self.passes)
            self.ahead = None
        self._here: Values = [None] * len(self.here)
        self._there: Values = [None] * len(self.there)

    def here_pulls(self, cotangents: Sequence[Tensor | None]) -> None:
        for place, cotangent in enumerate(cotangents):
            add(self._here, place, cotangent)

    def there_pulls(self, cotangents: Sequence[Tensor | None]) -> None:
        for place, cotangent in enumerate(cotangents):
            add(self._there, place, cotangent)

    def cotangents(self, needed: list[bool]) -> Values:
        """Of the parameters, from all that pulled at the features."""
        if self.ahead is None:
            found = [
                each.backward(pulled, needed)
                for each, pulled in zip(self.passes, (self._here, self._there), strict=True)
            ]
            for number in range(self.parameters):
                add(found[0], number, found[1][number])
            return found[0]
        for place, pulled in enumerate(self._here):
            if pulled is not None:
                rest = torch.zeros_like(self.there[place][self.rows :])
                add(self._there, place, torch.cat([pulled, rest]))
        return self.passes[0].backward(self._there, needed)
