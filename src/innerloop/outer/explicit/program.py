"""A network as a list of operations with known rules, read off one pass over made-up inputs.

What is read are tensor operations, not classes: a network of the user's own is understood as far as
it does what is known. Branches that depend on numbers cannot be read, and are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from innerloop.outer.explicit.rules.base import Move, Place, Rule

Values = list[Tensor | None]  # by number: parameters and buffers first, then inputs, then results


@dataclass(frozen=True)
class Op:
    rule: Rule
    inputs: tuple[int, ...]
    output: int


@dataclass(frozen=True)
class Program:
    """names: of the parameters and buffers, which are values 0, 1, ...; entries: the values that
    rows come in by; exits: those that are asked for; size: how many values there are."""

    names: tuple[str, ...]
    entries: tuple[int, ...]
    ops: tuple[Op, ...]
    exits: tuple[int, ...]
    size: int

    def reached(self, sources: Iterable[int]) -> list[bool]:
        """Which values depend on these."""
        found = [False] * self.size
        for value in sources:
            found[value] = True
        for op in self.ops:
            found[op.output] |= any(found[i] for i in op.inputs)
        return found

    def numbers(self, names: Iterable[str]) -> list[int]:
        place = {name: number for number, name in enumerate(self.names)}
        return [place[name] for name in names]

    def without_idle(self) -> Program:
        """Only the operations that the exits depend on."""
        asked, ops = set(self.exits), list[Op]()
        for op in reversed(self.ops):
            if op.output in asked:
                ops.append(op)
                asked.update(op.inputs)
        return replace(self, ops=tuple(reversed(ops)))

    def split(self, moving: Sequence[str]) -> tuple[Program, Program]:
        """What does not depend on the moving parameters, and the rest, which begins where the first
        one ends: of a network whose head alone moves, the body runs once for a task."""
        moved = self.reached(self.numbers(moving))
        still = tuple(op for op in self.ops if not moved[op.output])
        rest = tuple(op for op in self.ops if moved[op.output])
        made = {*self.entries, *(op.output for op in still)}
        asked = {i for op in rest for i in op.inputs} | set(self.exits)
        cut = tuple(sorted(made & asked))
        return replace(self, ops=still, exits=cut), replace(self, entries=cut, ops=rest)

    def seeing(self, rows: int) -> Program:
        """The same, but norms look at the first rows only."""
        return replace(
            self,
            ops=tuple(
                replace(op, rule=op.rule.seeing(rows)) if hasattr(op.rule, "seeing") else op
                for op in self.ops
            ),
        )

    @property
    def has_norms(self) -> bool:
        return any(hasattr(op.rule, "seeing") for op in self.ops)


@dataclass
class Pass:
    """One pass of a program over values, there and back, and what later passes need of it."""

    program: Program
    values: Values
    kept: list[Any]
    cotangents: Values

    @classmethod
    def forward(cls, program: Program, given: Values, entering: Sequence[Tensor]) -> Pass:
        """given: the parameters and buffers; entering: what comes in by the entries."""
        values = given + [None] * (program.size - len(given))
        for number, value in zip(program.entries, entering, strict=True):
            values[number] = value
        kept: list[Any] = []
        for op in program.ops:
            inputs: Any = [values[i] for i in op.inputs]
            values[op.output], of_op = op.rule.forward(*inputs)
            kept.append(of_op)
        return cls(program, values, kept, [None] * program.size)

    def outputs(self) -> list[Tensor]:
        return [self.values[number] for number in self.program.exits]  # type: ignore[misc]

    def backward(self, given: Sequence[Tensor | None], needed: list[bool]) -> Values:
        """The cotangents of all values that are needed, from those of the exits."""
        found = self.cotangents
        for number, g in zip(self.program.exits, given, strict=True):
            add(found, number, g)
        for place in reversed(range(len(self.program.ops))):
            op = self.program.ops[place]
            g = found[op.output]
            needs = [needed[i] for i in op.inputs]
            if g is None or not any(needs):
                continue
            inputs: Any = [self.values[i] for i in op.inputs]
            back, self.kept[place] = op.rule.backward(inputs, self.kept[place], g, needs)
            for number, need, cotangent in zip(op.inputs, needs, back, strict=True):
                if need:
                    add(found, number, cotangent)
        return found

    def forward_tangent(self, along: Values) -> tuple[Values, list[Any]]:
        """How all values, and what is kept of them, move as the first ones move so."""
        moved = along + [None] * (self.program.size - len(along))
        kept: list[Any] = [None] * len(self.program.ops)
        for place, op in enumerate(self.program.ops):
            directions = [moved[i] for i in op.inputs]
            if any(d is not None for d in directions):
                inputs: Any = [self.values[i] for i in op.inputs]
                moved[op.output], kept[place] = op.rule.tangent(
                    inputs, self.kept[place], directions
                )
        return moved, kept

    def backward_tangent(
        self,
        moved: Values,
        kept: list[Any],
        given: Sequence[Tensor | None],
        needed: list[bool],
    ) -> Values:
        """How the cotangents move, from how those of the exits do: after `backward`."""
        found: Values = [None] * self.program.size
        for number, dg in zip(self.program.exits, given, strict=True):
            add(found, number, dg)
        for place in reversed(range(len(self.program.ops))):
            op = self.program.ops[place]
            g, dg = self.cotangents[op.output], found[op.output]
            needs = [needed[i] for i in op.inputs]
            along = [moved[i] for i in op.inputs]
            still = all(d is None for d in along)
            if g is None or not any(needs) or (dg is None and still):
                continue
            inputs: Any = [self.values[i] for i in op.inputs]
            if still:
                back, _ = op.rule.backward(inputs, self.kept[place], dg, needs)  # type: ignore[arg-type]
            else:
                at = Place(inputs, self.kept[place], g)
                back = op.rule.backward_tangent(at, Move(along, kept[place], dg), needs)
            for number, need, cotangent in zip(op.inputs, needs, back, strict=True):
                if need:
                    add(found, number, cotangent)
        return found


def add(values: Values, number: int, more: Tensor | None) -> None:
    if more is not None:
        before = values[number]
        values[number] = more if before is None else before + more
