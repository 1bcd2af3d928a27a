import pytest
import torch
from torch import nn

import innerloop as il
from innerloop.outer import Suggestions
from innerloop.outer.learner import settings_of


def test_a_learner_remembers_the_call_that_made_it():
    net = nn.Linear(1, 1)
    learner = il.maml(net, inner_lr=0.3)
    assert learner.spec.algorithm == "maml"
    assert learner.spec.model is net
    assert learner.spec.settings["inner_lr"] == 0.3
    assert learner.spec.settings["inner_steps"] == 1
    longer = learner.replace(inner_steps=4)
    assert longer.spec.settings["inner_lr"] == 0.3
    assert longer.method.steps == 4
    assert learner.method.steps == 1


def test_a_setting_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(il.InputError, match="fomaml has no setting 'through'; it has: loss, inner"):
        il.fomaml(nn.Linear(1, 1)).replace(through=il.unrolled)


def test_settings_and_defaults_are_read_from_the_signature():
    assert settings_of(il.maml)["inner_lr"] == 0.01
    assert "model" not in settings_of(il.maml)


def test_suggestions_are_carried_by_the_constructor_and_its_learners():
    assert isinstance(il.maml.suggestions, Suggestions)
    assert il.reptile(nn.Linear(1, 1)).suggestions.lr == 1.0
    assert il.scratch.suggestions.steps == 0
    assert il.protonet.suggestions.encoder


def test_learning_nothing_is_zero_steps():
    idle = {name for name, make in il.ALGORITHMS.items() if make.suggestions.steps == 0}
    assert idle == {"scratch", "nearest_neighbour", "nearest_centroid"}


def test_adapting_leaves_no_graph():
    learner = il.maml(nn.Linear(2, 1))
    meta = learner.init()
    params = {n: p.requires_grad_() for n, p in meta.params.items()}
    fast = learner.adapt(il.Meta(params, {}), il.Examples(torch.ones(2, 2), torch.ones(2, 1)))
    assert not any(p.requires_grad for p in fast["params"].values())
