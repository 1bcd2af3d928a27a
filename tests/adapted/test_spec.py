import json

import pytest
import torch

import innerloop as il
from innerloop.algorithms.spec import from_json, spec_from_json, spec_to_json, to_json


def absolute(outputs, targets):
    return (outputs - targets).abs().mean(1)


def through_json(learner, **more):
    return spec_from_json(json.loads(json.dumps(spec_to_json(learner))), **more)


@pytest.mark.parametrize("name", sorted(il.ALGORITHMS))
def test_every_algorithm_is_made_again(name):
    needed = {"classes": 3} if name == "baseline_pp" else {}
    learner = il.ALGORITHMS[name](il.models.mlp(3, 2, hidden=4), **needed)
    again = through_json(learner)
    assert again.spec.algorithm == name
    assert spec_to_json(again) == spec_to_json(learner)
    generator = torch.Generator().manual_seed(0)
    shapes = {n: p.shape for n, p in again.init(generator).params.items()}
    assert shapes == {n: p.shape for n, p in learner.init(generator).params.items()}


def test_functions_go_by_name():
    learner = il.maml(
        il.models.mlp, loss=absolute, inner_lr=0.2, through=il.truncated(3), inner_steps=4
    )
    written = spec_to_json(learner)
    assert written["model"] == {"name": "mlp", "settings": {}}
    assert written["settings"]["loss"] == {"function": f"{__name__}:absolute"}
    assert written["settings"]["through"] == {"function": "truncated(3)"}
    again = through_json(learner)
    assert again.spec.settings["loss"] is absolute
    assert again.spec.settings["through"].__name__ == "truncated(3)"
    first = il.maml(il.models.mlp, loss=il.losses.mse, through=il.first_order)
    assert spec_to_json(first)["settings"]["loss"] == {"function": "mse"}
    assert through_json(first).spec.settings["through"] is il.first_order


def test_a_function_without_a_name_is_asked_for():
    learner = il.maml(il.models.mlp, loss=lambda outputs, targets: absolute(outputs, targets))
    with pytest.raises(il.InputError, match=r"run's loss is a function.*load\(path, loss=...\)"):
        through_json(learner)
    assert through_json(learner, loss=absolute).spec.settings["loss"] is absolute


def test_rules_of_ours_come_back_and_nothing_else_is_called():
    from innerloop.inner import Adam

    assert from_json(json.loads(json.dumps(to_json(Adam(0.1)))), "rule") == Adam(0.1)
    with pytest.raises(il.InputError, match="'subprocess:Popen', which cannot be imported here"):
        from_json({"made_by": "subprocess:Popen", "fields": {"args": ["true"]}}, "rule")


@pytest.mark.parametrize("name", ["nowhere:f", "os", "math:nothing", "os:path"])
def test_names_that_lead_nowhere_are_said(name):
    with pytest.raises(il.InputError, match="cannot be imported here"):
        from_json({"function": name}, "loss")


def test_an_unknown_algorithm_lists_the_known_ones():
    with pytest.raises(il.InputError, match="no algorithm 'magic' here; it has: maml, fomaml"):
        spec_from_json({"algorithm": "magic", "model": None, "settings": {}})


def test_inner_settings_come_back():
    learner = il.maml(
        il.models.mlp,
        inner_optimiser=il.rules.Adam(betas=(0.0, 0.99)),
        inner_rates="layer",
        inner_clip=2.0,
        inner_loss=il.losses.mse,
        moves=("*.weight", "1.*"),
        freeze="3.*",
    )
    again = through_json(learner)
    assert again.spec.settings == learner.spec.settings
    assert again.method.how_far == learner.method.how_far
    assert again.method.moving() == learner.method.moving() == ["1.weight", "1.bias", "5.weight"]
