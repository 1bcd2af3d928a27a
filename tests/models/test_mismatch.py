"""Inputs of the wrong shape or type are told in one sentence, on every path."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import innerloop as il

IMAGE = torch.zeros(2, 3, 28, 28)
CASES = [
    (
        il.models.conv4(outputs=2),
        IMAGE,
        r"takes x of shape \(rows, 1, 28, 28\), got \(2, 3, 28, 28\)",
    ),
    (il.models.resnet6(outputs=2), IMAGE, r"takes x of shape \(rows, 1, 28, 28\), got \(2, 3"),
    (il.models.mlp(4, 2), torch.zeros(2, 3), r"takes x of shape \(rows, 4\), got \(2, 3\) float32"),
    (nn.Linear(4, 2), torch.zeros(2, 3), r"Linear takes x of shape \(rows, 4\), got \(2, 3\)"),
    (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), IMAGE, r"\(rows, 1, height, width\), got"),
    (nn.Linear(4, 2), torch.zeros(2, 4, dtype=torch.int64), r"\(2, 4\) int64; pass x.float\(\)"),
    (nn.Linear(4, 2), torch.zeros(2, 4, dtype=torch.float64), r"pass x.to\(torch.float32\)"),
    (nn.Sequential(nn.Embedding(5, 2)), torch.zeros(2), r"\(2,\) float32; pass x.long\(\)"),
    (nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2)), torch.zeros(2, 3), r"each layer gives what"),
]


@pytest.mark.parametrize(("model", "x", "said"), CASES)
def test_what_a_network_cannot_take(model: nn.Module, x: torch.Tensor, said: str) -> None:
    learner = il.maml(model)
    support = il.Examples(x, torch.tensor([0, 1]))
    with pytest.raises(il.InputError, match=said):
        learner.adapt(learner.init(), support)


@pytest.mark.parametrize("path", ["vmap", "loop"])
def test_so_it_is_for_many_tasks(path: str) -> None:
    learner = il.maml(il.models.mlp(4, 2)).on_path(path)
    examples = il.Examples(torch.zeros(3, 2, 5), torch.tensor([[0, 1]] * 3))
    with pytest.raises(il.InputError, match=r"takes x of shape \(rows, 4\), got \(2, 5\) float32"):
        learner.gradient(learner.init(), il.Episodes(examples, examples))


def test_other_errors_are_the_users_own() -> None:
    class Broken(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("on purpose")

    learner = il.maml(Broken(1, 1))
    with pytest.raises(RuntimeError, match="on purpose") as caught:
        learner.adapt(learner.init(), il.Examples(torch.zeros(1, 1), torch.zeros(1, 1)))
    assert not isinstance(caught.value, il.InputError)
