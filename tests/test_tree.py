from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from innerloop.tree import detached, pytree, rows, stack, tree_leaves, tree_map


@pytree(static=("name",))
@dataclass(frozen=True)
class Pair:
    a: Tensor
    b: Tensor | None = None
    name: str = "pair"


def test_a_registered_dataclass_is_a_tree():
    doubled = tree_map(lambda leaf: leaf * 2, Pair(torch.ones(2), torch.zeros(2), "x"))
    assert doubled.a.tolist() == [2, 2]
    assert doubled.name == "x"


def test_a_field_that_is_none_has_no_leaf():
    assert len(tree_leaves(Pair(torch.ones(2)))) == 1
    assert tree_map(lambda leaf: leaf + 1, Pair(torch.ones(2))).b is None


def test_vmap_maps_over_a_registered_dataclass():
    total = vmap(lambda pair: pair.a.sum())(Pair(torch.ones(3, 2)))
    assert total.tolist() == [2, 2, 2]


def test_trees_are_stacked_and_measured():
    both = stack([{"a": torch.zeros(2)}, {"a": torch.ones(2)}])
    assert both["a"].shape == (2, 2)
    assert rows({"x": torch.zeros(5, 1)}) == 5


def test_detaching_leaves_what_is_no_tensor():
    weight = torch.ones(1, requires_grad=True)
    free = detached({"count": 3, "weight": weight * 2})
    assert free["count"] == 3
    assert not free["weight"].requires_grad


def test_trees_of_unlike_shape_cannot_be_stacked():
    with pytest.raises(ValueError, match="b"):
        stack([{"a": torch.zeros(1)}, {"b": torch.zeros(1)}])
