"""Reading a network: one traced pass, each operation looked up among the known ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, fx
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx

from innerloop.core import Params
from innerloop.models import Network
from innerloop.outer.explicit.patterns import PATTERNS, ROWS, Unknown
from innerloop.outer.explicit.program import Op, Program


def read(network: Network, params: Params, buffers: Params, row: Tensor) -> Program:
    """The program of a network for inputs like `row` (one row, without its first dimension).

    Branches that depend on numbers cannot be read, since the numbers are made up.

    >>> import torch
    >>> network = Network(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh()))
    >>> program = read(network, *network.init(), torch.zeros(2))
    >>> [type(op.rule).__name__ for op in program.ops]
    ['Linear', 'Pointwise']
    """
    params = {name: params[name] for name in network.names}
    x = row.new_zeros(()).expand(ROWS, *row.shape)  # takes no memory

    def run(*given: Any) -> Tensor:
        return network.plainly(*given)

    trace = make_fx(functionalize(run), tracing_mode="fake")
    return Reader([*params, *buffers], trace(params, buffers, x).graph).program()


class Reader:
    """From a graph of tensor operations to a program; values are numbered in their order."""

    def __init__(self, names: Sequence[str], graph: fx.Graph):
        *self.nodes, output = graph.nodes
        [self.result] = output.all_input_nodes
        places = [node for node in self.nodes if node.op == "placeholder"]
        self.names = tuple(names)
        self.numbers: dict[Any, int] = {node: number for number, node in enumerate(places)}
        self.taken: set[Any] = set()  # read already, as part of a fused operation
        self.ops: list[Op] = []

    def program(self) -> Program:
        for node in self.nodes:
            if node not in self.numbers and node not in self.taken and node.users:
                self.read(node)
        entries, exits = (len(self.names),), (self.numbers[self.result],)
        size = len(self.names) + 1 + len(self.ops)
        return Program(self.names, entries, tuple(self.ops), exits, size).without_idle()

    def read(self, node: Any) -> None:
        """Add the operation that begins with this node, as the first pattern has it that fits."""
        found = next(filter(None, (pattern(node) for pattern in PATTERNS)), None)
        if found is None:
            raise Unknown(f"{node.target} has no rule")
        rule, inputs, last = found
        number = len(self.names) + 1 + len(self.ops)
        self.ops.append(Op(rule, tuple(self.numbers[i] for i in inputs), number))
        self.numbers[last] = number
        while node is not last:
            self.taken.add(node)
            node = next(user for user in node.users if user.users)
