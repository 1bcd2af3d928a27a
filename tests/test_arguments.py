"""A constructor is called with names that it has, and values of the kind that it asks for."""

from __future__ import annotations

import pytest
import torch

import innerloop as il

NET = torch.nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inner_lrr": 0.1}, "maml has no setting 'inner_lrr'; it has: model, loss, inner_lr"),
        ({"inner_lrr": 0.1}, r"did you mean inner_lr\?"),
        (
            {"inner_lr": "fast"},
            "maml: inner_lr must be a finite number, got 'fast'; pass inner_lr=0.01",
        ),
        ({"inner_lr": float("nan")}, "inner_lr must be a"),
        ({"inner_steps": 1.5}, "inner_steps must be a whole number, got 1.5; pass inner_steps=1"),
        ({"inner_steps": True}, "inner_steps must be a whole number, got True"),
        ({"transductive": "no"}, "transductive must be True or False, got 'no'"),
        ({"loss": "mse"}, "loss must be a function, got 'mse'; pass loss=il.losses.mse"),
        ({"through": "first_order"}, "through must be a function, .*pass through=il.first_order"),
    ],
)
def test_what_a_constructor_cannot_take(settings: dict, said: str) -> None:
    with pytest.raises(il.InputError, match=said):
        il.maml(NET, **settings)


def test_names_of_choices_and_missing_models() -> None:
    with pytest.raises(il.InputError, match="distance must be one of euclidean, cosine, got 'l1'"):
        il.protonet(NET, distance="l1")
    with pytest.raises(
        il.InputError, match=r"missing a required argument: 'model'\); write maml\("
    ):
        il.maml()
    with pytest.raises(il.InputError, match=r"maml has no setting 'steps'; .*"):
        il.maml(NET).replace(steps=3)
    with pytest.raises(il.InputError, match=r"conv4 has no setting 'output'.*mean outputs\?"):
        il.models.conv4(output=3)


def test_numbers_of_any_library_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    assert il.maml(NET, inner_lr=numpy.float64(0.1), inner_steps=2)
    assert il.maml(model=NET, loss=None).spec.settings["loss"] is None


@pytest.mark.parametrize("last", [0, -1, 1.5, True])
def test_truncated_counts_steps(last: object) -> None:
    with pytest.raises(il.InputError, match="truncated counts inner steps"):
        il.truncated(last)
