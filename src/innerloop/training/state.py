"""The state of a run between two steps: everything that a resumed run needs to go on bit by bit.

As data it is one dict of tensors and one of plain values, so a checkpoint needs no pickle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from innerloop.core import Meta, Params
from innerloop.training.control import Memory
from innerloop.training.optimiser import Layout
from innerloop.training.verdict import Verdict

NAMED = 5  # dropped tasks that are named


class Best(NamedTuple):
    """The meta-parameters with the best validation metric so far."""

    weights: Tensor  # (P,)
    buffers: Params
    step: int
    metric: float
    score: float


class Counts(NamedTuple):
    """What has been met on the way.

    loss, losses: sum and number of batch losses since the last line of the history. dropped:
    tasks left out since they were not finite; names: of the first of them. refused: updates that
    were not finite and therefore not applied. barren: such steps in a row, or without any task.
    """

    loss: float = 0.0
    losses: int = 0
    dropped: int = 0
    names: tuple[str, ...] = ()
    refused: int = 0
    barren: int = 0


class State(NamedTuple):
    """step: updates done. weights (P,): the meta-parameters as one vector; buffers: `Meta.state`.

    optimiser, rate, ending: memories of the three controls. factor: of the learning rate in the
    next step. average (P,): moving average of the weights, None without one. metric: the latest
    validation. row: the line that this step adds to the history, or None.
    """

    step: int
    weights: Tensor
    buffers: Params
    optimiser: dict[str, Tensor]
    rate: Memory
    ending: Memory
    factor: float
    average: Tensor | None = None
    best: Best | None = None
    metric: float | None = None
    score: float | None = None
    counts: Counts = Counts()
    seconds: float = 0.0
    row: dict[str, Any] | None = None
    verdict: Verdict | None = None
    diagnosis: tuple[str, str] | None = None

    def last(self, layout: Layout) -> Meta:
        """The meta-parameters of now: their average where one is kept."""
        weights = self.weights if self.average is None else self.average
        return Meta(layout.unpack(weights), self.buffers)

    def result(self, layout: Layout) -> Meta:
        """The best meta-parameters by validation, or those of now if none were validated."""
        if self.best is None:
            return self.last(layout)
        return Meta(layout.unpack(self.best.weights), self.best.buffers)


def to_data(state: State) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, plain values) of a state."""
    tensors = {"weights": state.weights}
    tensors |= {f"buffers/{name}": leaf for name, leaf in state.buffers.items()}
    tensors |= {f"optimiser/{name}": leaf for name, leaf in state.optimiser.items()}
    if state.average is not None:
        tensors["average"] = state.average
    if state.best is not None:
        tensors["best"] = state.best.weights
        tensors |= {f"best/{name}": leaf for name, leaf in state.best.buffers.items()}
    values = {
        "step": state.step,
        "rate": state.rate,
        "ending": state.ending,
        "factor": state.factor,
        "best": state.best and [state.best.step, state.best.metric, state.best.score],
        "metric": state.metric,
        "score": state.score,
        "counts": state.counts._asdict(),
        "seconds": state.seconds,
        "verdict": state.verdict and state.verdict.name,
        "diagnosis": state.diagnosis,
    }
    return tensors, values


def from_data(tensors: dict[str, Tensor], values: dict[str, Any]) -> State:
    def below(prefix: str) -> dict[str, Tensor]:
        return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}

    best = None
    if values["best"] is not None:
        best = Best(tensors["best"], below("best/"), *values["best"])
    counts = {**values["counts"], "names": tuple(values["counts"]["names"])}
    return State(
        step=values["step"],
        weights=tensors["weights"],
        buffers=below("buffers/"),
        optimiser=below("optimiser/"),
        rate=values["rate"],
        ending=values["ending"],
        factor=values["factor"],
        average=tensors.get("average"),
        best=best,
        metric=values["metric"],
        score=values["score"],
        counts=Counts(**counts),
        seconds=values["seconds"],
        verdict=values["verdict"] and Verdict[values["verdict"]],
        diagnosis=values["diagnosis"] and tuple(values["diagnosis"]),
    )


def same_bits(a: State, b: State) -> bool:
    """Whether two states hold the same bits in every tensor; clocks may differ."""
    first, second = to_data(a)[0], to_data(b)[0]
    return first.keys() == second.keys() and all(
        torch.equal(first[n].view(-1).view(torch.uint8), second[n].view(-1).view(torch.uint8))
        for n in first
    )
