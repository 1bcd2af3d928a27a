"""The meta-gradient of a descent without a graph over its steps.

With theta_k the moving parameters after k steps and lambda the cotangent of theta_K in the query
loss, each step is gone back over by one Hessian-vector product of the support loss. For plain
steps of rate a:

    lambda <- lambda - a H(theta_k) lambda,   k = K-1 .. 0

and for any other rule by its own adjoint, which hands the cotangents of what a step gave to what
it was given. What the steps need on the way back is kept where there is room for all of it, and made
again where there is not: then memory grows by the moving parameters alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor
from torch.func import vjp

from innerloop.core import Episode, Meta, Params
from innerloop.inner import Descent, Rule, Sgd
from innerloop.outer.explicit.body import Body
from innerloop.outer.explicit.program import Pass, Program, Values
from innerloop.outer.explicit.scores import Score
from innerloop.tree import Tree, tree_flatten, tree_leaves, tree_unflatten

ROOM = 128 << 20  # bytes of a task's walk that may be kept for the way back


class Step(NamedTuple):
    """What the way back needs of one step, and no more; `seen` is None where it is made again."""

    moved: Params
    memory: Tree
    slope: Params
    seen: Pass | None


@dataclass(frozen=True)
class Walk:
    """A descent along the program of its network."""

    descent: Descent
    program: Program

    @cached_property
    def moving(self) -> list[str]:
        return [n for n in self.descent.moving() if n in self.program.names]

    @cached_property
    def halves(self) -> tuple[Program, Program]:
        """(what a task computes once, what every step computes)"""
        return self.program.split(self.moving)

    @cached_property
    def needed(self) -> tuple[list[bool], list[bool], list[bool]]:
        """Of which values cotangents are wanted: in what is computed once, in a step of the walk,
        on the way back."""
        once, each = self.halves
        learnt = self.program.numbers(
            n for n in self.program.names if n in self.descent.network.names
        )
        in_once = once.reached(learnt)
        cut = [value for value in each.entries if in_once[value]]
        walked = each.reached(self.program.numbers(self.moving))
        return in_once, walked, each.reached([*learnt, *cut])

    def gradient(self, meta: Meta, episode: Episode, room: int = ROOM) -> tuple[Params, Tensor]:
        """(gradient of the query loss with respect to meta.params, query loss) of one task."""
        descent, support, query = self.descent, episode.support, episode.query
        rule = descent.how_far
        everything = {**meta.state, **meta.params}
        given: Values = [everything[name] for name in self.program.names]
        joined = self.program.has_norms and not descent.transductive
        body = Body(self.halves[0], given, support.x, query.x, joined)
        inner = Score(descent.inner_loss or descent.loss, support)  # type: ignore[arg-type]
        moved: Params = {name: meta.params[name] for name in self.moving}
        memory, trail, kept = rule.start(moved), list[Step](), True
        exact = [descent.is_exact(number) for number in range(descent.steps)]
        for number in range(descent.steps):
            seen, slope = self.look(given, moved, body, inner)
            if number == 0:
                kept = held(seen) * sum(exact) <= room
            step = Step(moved, memory, {} if is_plain(rule) else slope, seen if kept else None)
            trail.append(step if exact[number] else step._replace(moved={}, seen=None))
            move, memory = rule.step(slope, memory, meta.params)
            moved = {name: p + move[name] for name, p in moved.items()}
        found, loss = self.arrive(given, moved, body, Score(descent.loss, query))
        pulled = {name: found.pop(name) for name in self.moving}
        lifted = [torch.zeros_like(leaf) for leaf in tensors(memory)]
        for number in reversed(range(descent.steps)):
            step = trail.pop()
            rates = self.rates(meta)
            into, lifted, by_rates = adjoint(rule, step, rates, pulled, lifted)
            accumulate(found, by_rates)
            if exact[number]:
                seen = step.seen or self.look(given, step.moved, body, inner)[0]
                bent = self.bend(seen, into, body, inner)
                accumulate(pulled, {name: bent.pop(name) for name in self.moving})
                accumulate(found, bent)
        accumulate(found, pulled)
        accumulate(found, self.named(body.cotangents(self.needed[0])))
        return {n: found.get(n, torch.zeros_like(p)) for n, p in meta.params.items()}, loss

    def look(self, given: Values, moved: Params, body: Body, score: Score) -> tuple[Pass, Params]:
        """The support set's pass under these parameters, and its gradient."""
        seen = Pass.forward(self.halves[1], self.placed(given, moved), body.here)
        _, slope = score.slope(seen.outputs()[0])
        found = self.named(seen.backward([slope], self.needed[1]))
        return seen, {n: found.get(n, torch.zeros_like(p)) for n, p in moved.items()}

    def arrive(
        self, given: Values, moved: Params, body: Body, score: Score
    ) -> tuple[Params, Tensor]:
        """The cotangents of all that is learnt in the query loss, and that loss."""
        each = self.halves[1]
        program = each if body.ahead is None else each.seeing(body.ahead)
        seen = Pass.forward(program, self.placed(given, moved), body.there)
        [outputs] = seen.outputs()
        loss, slope = score.slope(outputs[body.ahead :])
        if body.ahead is not None:
            slope = torch.cat([torch.zeros_like(outputs[: body.ahead]), slope])
        cotangents = seen.backward([slope], self.needed[2])
        body.there_pulls([cotangents[number] for number in each.entries])
        found = self.named(cotangents)
        return {n: found.get(n, torch.zeros_like(p)) for n, p in moved.items()} | found, loss

    def bend(self, seen: Pass, into: Params, body: Body, score: Score) -> Params:
        """The Hessian of the support loss times `into`, for all that is learnt."""
        along: Values = self.placed([None] * len(self.program.names), into)
        moved, kept = seen.forward_tangent(along)
        [outputs], [number] = seen.outputs(), seen.program.exits
        slope = moved[number]
        slope = None if slope is None else score.slope_along(outputs, slope)
        cotangents = seen.backward_tangent(moved, kept, [slope], self.needed[2])
        body.here_pulls([cotangents[number] for number in self.halves[1].entries])
        found = self.named(cotangents)
        return {n: found.get(n, torch.zeros_like(p)) for n, p in into.items()} | found

    def placed(self, values: Values, named: Params) -> Values:
        values = list(values)
        for number, value in zip(self.program.numbers(named), named.values(), strict=True):
            values[number] = value
        return values

    def named(self, values: Values) -> Params:
        names, learnt = self.program.names, self.descent.network.names
        return {n: v for n, v in zip(names, values, strict=False) if v is not None and n in learnt}

    def rates(self, meta: Meta) -> Params:
        """What the rule itself has learnt."""
        return {n: p for n, p in meta.params.items() if n not in self.descent.network.names}


def is_plain(rule: Rule) -> TypeGuard[Sgd]:
    """Whether a step is the slope times one fixed rate."""
    return type(rule) is Sgd and not rule.momentum


def adjoint(
    rule: Rule, step: Step, rates: Params, pulled: Params, lifted: list[Tensor]
) -> tuple[Params, list[Tensor], Params]:
    """From the cotangents of a step's move and of the memory after it, those of the slope, of the
    memory before it, and of the rule's own rates."""
    if is_plain(rule):
        return {name: p * -rule.rate for name, p in pulled.items()}, lifted, {}
    leaves, form = tree_flatten((step.slope, step.memory, rates))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]

    def run(*given: Tensor) -> tuple[Params, list[Tensor]]:
        filled = list(leaves)
        for place, value in zip(places, given, strict=True):
            filled[place] = value
        slope, memory, learnt = tree_unflatten(filled, form)
        move, after = rule.step(slope, memory, learnt)
        return move, tensors(after)

    back = vjp(run, *(leaves[place] for place in places))[1]
    for place, value in zip(places, back((pulled, lifted)), strict=True):
        leaves[place] = value
    into, before, by_rates = tree_unflatten(leaves, form)
    return into, tensors(before), by_rates


def tensors(tree: Tree) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def accumulate(into: Params, more: Params) -> None:
    for name, value in more.items():
        into[name] = into[name] + value if name in into else value


def held(seen: Pass) -> int:
    """Bytes that a pass keeps alive."""
    leaves: Any = {id(t): t for t in tensors((seen.values, seen.kept, seen.cotangents))}
    return sum(t.numel() * t.element_size() for t in leaves.values())
