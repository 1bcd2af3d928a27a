"""Small dense networks: the whole meta-gradient of all tasks in one call of a kernel.

Their operations are so small that calling them one by one costs more than what they do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
from torch import Generator, Tensor

from innerloop.core import Episodes, Examples, Meta, Method
from innerloop.inner import Descent, Sgd
from innerloop.losses import cross_entropy, default_for, mse
from innerloop.outer.explicit import native
from innerloop.outer.explicit.patterns import Unknown
from innerloop.outer.explicit.program import Program
from innerloop.outer.explicit.rules.base import Rule
from innerloop.outer.explicit.rules.linear import Linear, Map, reshaped
from innerloop.outer.explicit.rules.pointwise import SIGMOID, TANH, Pointwise
from innerloop.outer.totals import Totals

LARGEST = 1_000_000  # parameters: beyond, the arithmetic outweighs the calls
LOSSES = {mse: 0, cross_entropy: 1}


@dataclass(frozen=True)
class Dense:
    """A path: layers of `sizes`, with activations (number, slope) between them."""

    descent: Descent
    names: tuple[str, ...]  # weight and bias of each layer, in turn
    sizes: Tensor
    bends: Tensor
    slopes: tuple[float, ...]
    draws: ClassVar[bool] = False
    in_turn: ClassVar[bool] = False

    def __call__(
        self, method: Method, meta: Meta, episodes: Episodes, generator: Generator | None = None
    ) -> Totals:
        self.check(meta, episodes)
        support, query, steps = episodes.support, episodes.query, self.descent.steps
        leaves = [meta.params[name].detach() for name in self.names]
        theta = torch.cat([leaf.reshape(-1) for leaf in leaves])
        tasks, found = len(episodes), torch.empty_like(theta)
        losses, kept = theta.new_empty(tasks), torch.empty(tasks, dtype=torch.bool)
        rows = [side.y.shape[1] for side in (support, query)]
        ways = support.ways or int(self.sizes[-1])
        loss = LOSSES[self.descent.loss or default_for(support.y)]  # type: ignore[index]
        native.call(
            "dense_meta_gradient",
            *(theta, *flat(support), *flat(query), losses, kept, found),
            *(self.sizes, self.bends, theta.new_tensor([*self.slopes, 0.0])),
            *(len(self.bends), tasks, *rows, steps, first_exact(self.descent), loss, ways),
            float(self.descent.how_far.rate),  # type: ignore[attr-defined]
        )
        parts = found.split([leaf.numel() for leaf in leaves])
        grads = {n: p.view_as(x) for n, p, x in zip(self.names, parts, leaves, strict=True)}
        return Totals(losses, kept, {n: grads[n] for n in meta.params}, {})

    def of_steps(self, steps: int) -> Dense:
        return replace(self, descent=replace(self.descent, steps=steps))

    def check(self, meta: Meta, episodes: Episodes) -> None:
        """`Unknown` where the kernel would read what is not there, or has no such loss."""
        inputs, outputs = int(self.sizes[0]), int(self.sizes[-1])
        kind = meta.params[self.names[0]].dtype
        for side in (episodes.support, episodes.query):
            loss, y = self.descent.loss or default_for(side.y), side.y
            if loss not in LOSSES or y.dtype != (kind if loss is mse else torch.int64):
                raise Unknown("its loss has no kernel for such targets")
            if not isinstance(side.x, Tensor) or side.x.dtype != kind or y.device.type != "cpu":
                raise Unknown("its parameters, inputs and targets are not all of one type")
            if side.x.numel() != y.shape[0] * y.shape[1] * inputs:
                raise Unknown(f"its inputs are not {inputs} numbers")
            if loss is mse and y.shape[2:] != (outputs,):
                raise Unknown(f"its targets are not {outputs} numbers")
            if loss is cross_entropy:
                named = int(y.max()) if y.dim() == 2 and int(y.min()) >= 0 else outputs
                if not named < (side.ways or 0) <= outputs:
                    raise Unknown(f"its classes are not 0 to {outputs - 1}")


def dense(descent: Descent, program: Program, meta: Meta) -> Dense:
    """The path for a chain of linear layers; `Unknown` where the network is something else."""
    if native.library() is None:
        raise Unknown("there are no kernels without a C++ compiler")
    if type(descent.how_far) is not Sgd or descent.how_far.momentum:
        raise Unknown("its inner rule has no kernel")
    if descent.inner_loss is not None:
        raise Unknown("its inner loss has no kernel")
    ops = list(program.ops)
    while ops and is_reshaping(ops[0].rule) and ops[0].inputs == program.entries:
        program = Program(
            program.names, (ops[0].output,), tuple(ops[1:]), program.exits, program.size
        )
        ops.pop(0)
    before, names, bends = program.entries[0], list[str](), list[tuple[int, float]]()
    for op in ops:
        if (
            not op.inputs
            or op.inputs[0] != before
            or any(i >= len(program.names) for i in op.inputs[1:])
        ):
            raise Unknown("it is not a chain of layers")
        if isinstance(op.rule, Linear) and len(op.inputs) == 3 and len(bends) * 2 == len(names):
            names += [program.names[i] for i in op.inputs[1:]]
        elif (bend := bend_of(op.rule)) is not None and len(bends) * 2 + 2 == len(names):
            bends.append(bend)
        else:
            raise Unknown("it is not a chain of linear layers with activations between them")
        before = op.output
    if len(bends) * 2 + 2 != len(names) or before != program.exits[0]:
        raise Unknown("it does not end with a linear layer")
    if sorted(names) != sorted(meta.params) or sorted(names) != sorted(descent.moving()):
        raise Unknown("not all of its parameters move, each once")
    weights = [meta.params[name] for name in names[::2]]
    if sum(w.numel() for w in weights) > LARGEST:
        raise Unknown("it is large")
    sizes = torch.tensor([weights[0].shape[1], *(len(w) for w in weights)])
    kinds = torch.tensor([*(kind for kind, _ in bends), 0])
    return Dense(descent, tuple(names), sizes, kinds, tuple(slope for _, slope in bends))


def is_reshaping(rule: Rule) -> bool:
    there = getattr(rule, "there", None)
    return isinstance(rule, Map) and isinstance(there, partial) and there.func is reshaped


def bend_of(rule: Rule) -> tuple[int, float] | None:
    """(number of an activation in the kernel, slope below zero)"""
    if not isinstance(rule, Pointwise):
        return None
    if rule.leak is not None:
        return 0, rule.leak
    return {id(TANH): (1, 0.0), id(SIGMOID): (2, 0.0)}.get(id(rule))


def first_exact(descent: Descent) -> int:
    """The first inner step that is differentiated."""
    return next((k for k in range(descent.steps) if descent.is_exact(k)), descent.steps)


def flat(examples: Examples) -> tuple[Tensor, Tensor]:
    return examples.x.contiguous(), examples.y.contiguous()
