"""How much arithmetic a meta-step needs at least, by the usual count."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from innerloop.bench.material import fresh_module
from innerloop.bench.workloads import Workload


def flops(workload: Workload) -> float | None:
    """Of one meta-step, two per multiplication; None for sequences and sets, which have no usual count.

    Only convolutions and matrices count; padding is not discounted, and what is computed again to
    save memory is not credited. A forward pass of the first layer, which sees the data, is f1, of
    all others f: a gradient costs 2 f1 + 3 f a row, an inner step that is differentiated 4 f1 + 9 f.

    >>> from innerloop.bench.workloads import workload
    >>> round(flops(workload("conv4-k1")) / 1e9, 1)
    41.7
    """
    if len(workload.inputs) == 2 or workload.takes_in_sets:
        return None
    first, *others = layers(workload)
    rest = sum(others)
    gradient = 2 * first + 3 * rest
    support, query = workload.support_rows, workload.query_rows
    steps = workload.inner_steps
    if workload.algorithm == "protonet":
        task = (support + query) * gradient
    elif workload.algorithm == "fomaml":
        task = (steps * support + query) * gradient
    elif workload.algorithm == "anil":
        head = others[-1]
        inner = 2 * first + 3 * (rest - head) + 9 * steps * head
        task = query * gradient + support * inner
    else:
        task = query * gradient + steps * support * (4 * first + 9 * rest)
    return float(workload.tasks * task)


def layers(workload: Workload) -> list[float]:
    """A row's forward arithmetic, layer by layer."""
    found: list[float] = []

    def count(layer: Any, inputs: Any, output: Any) -> None:
        places = output[0].numel() / layer.weight.shape[0]
        found.append(2.0 * layer.weight.numel() * places)

    module = fresh_module(workload).eval()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.no_grad():
        module(torch.zeros(2, *workload.inputs))
    return found
