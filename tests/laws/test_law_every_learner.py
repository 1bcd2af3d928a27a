"""What every learner of the table owes its user, whatever the paper."""

from __future__ import annotations

import copy

import law_cases as given
import pytest
import torch
from law_cases import ALGORITHMS, CLASSES, biggest

from innerloop import Episodes, Examples, InputError, Meta
from innerloop.core import concatenate
from innerloop.tree import tree_leaves, tree_map

CASES = given.cases()
CLASSES_ONLY = [case for case in CASES if case[2] == "classes"]
every = pytest.mark.parametrize("case", CASES, ids="-".join)
every_classifier = pytest.mark.parametrize("case", CLASSES_ONLY, ids="-".join)


@every
def test_all_tasks_at_once_equal_one_after_the_other(case):
    learner, meta, episodes = given.case(*case)
    together = learner.on_path("vmap").gradient(meta, episodes)
    in_turn = learner.on_path("loop").gradient(meta, episodes)
    assert biggest(together, in_turn) < 1e-10


@every
def test_one_pass_back_equals_each_task_s_own(case):
    learner, meta, episodes = given.case(*case)
    if not getattr(learner.method, "single_pass", False):
        pytest.skip("it differentiates inside")
    at_once = learner.on_path("pass").gradient(meta, episodes)
    assert biggest(at_once, learner.on_path("loop").gradient(meta, episodes)) < 1e-10
    bad = tree_map(torch.clone, episodes)
    bad.query.x[1] = torch.nan
    at_once = learner.on_path("pass").gradient(meta, bad)
    assert at_once.kept.tolist() == [True, False, True]
    in_turn = learner.on_path("loop").gradient(meta, bad)
    assert biggest(at_once.grads, in_turn.grads) < 1e-10


@every
def test_the_gradient_has_the_tree_of_the_parameters_and_is_finite(case):
    learner, meta, episodes = given.case(*case)
    found = learner.gradient(meta, episodes)
    assert found.losses.shape == (len(episodes),)
    assert found.kept.tolist() == [True] * len(episodes)
    assert {n: (g.shape, g.dtype) for n, g in found.grads.items()} == {
        n: (p.shape, p.dtype) for n, p in meta.params.items()
    }
    assert list(found.state) == list(meta.state)
    assert all(leaf.isfinite().all() and not leaf.requires_grad for leaf in tree_leaves(found))


@every
def test_only_a_learner_that_learns_has_a_gradient(case):
    learner, meta, episodes = given.case(*case)
    size = sum(float(g.abs().sum()) for g in learner.gradient(meta, episodes).grads.values())
    assert (size > 0) == given.learns(learner)


@every
def test_adapting_and_predicting_leave_meta_as_it_was(case):
    learner, meta, episodes = given.case(*case)
    before = copy.deepcopy(meta)
    fast = learner.adapt(meta, episodes[0].support)
    kept = copy.deepcopy(fast)
    learner.predict(meta, fast, episodes[0].query.x)
    learner.gradient(meta, episodes)
    assert biggest(meta, before) == 0
    assert biggest(fast, kept) == 0
    assert not any(leaf.requires_grad for leaf in tree_leaves(fast) if torch.is_tensor(leaf))


@every
def test_an_answer_does_not_depend_on_its_companions(case):
    learner, meta, episodes = given.case(*case)
    for _ in range(2):  # before and after the state has watched a batch
        fast = learner.adapt(meta, episodes[0].support)
        x = episodes[0].query.x
        together = learner.predict(meta, fast, x)
        alone = torch.cat([learner.predict(meta, fast, x[i : i + 1]) for i in range(len(x))])
        assert biggest(together, alone) < 1e-10
        meta = Meta(meta.params, learner.gradient(meta, episodes).state)


@every
def test_the_order_of_the_support_set_does_not_matter(case):
    learner, meta, episodes = given.case(*case)
    if getattr(learner.method, "ordered", False):
        pytest.skip("it takes the rows one after the other")
    support, x = episodes[0].support, episodes[0].query.x
    order = torch.randperm(len(support.y), generator=torch.Generator().manual_seed(3))
    shuffled = Examples(support.x[order], support.y[order], ways=support.ways)
    answers = [learner.predict(meta, learner.adapt(meta, s), x) for s in (support, shuffled)]
    assert biggest(*answers) < 1e-9


@every
def test_the_same_seed_draws_the_same_weights(case):
    learner, meta, _ = given.case(*case)
    assert biggest(meta, given.start(learner)) == 0
    other = given.start(learner, seed=1)
    drawn = [n for n in meta.params if n in learner.method.network.names]
    assert not drawn or biggest(meta.params, other.params) > 0


@every
def test_without_a_generator_the_weights_are_the_module_s_own(case):
    learner, _, _ = given.case(*case)
    own, meta = dict(learner.spec.model.named_parameters()), learner.init()
    names = [
        n for n in learner.method.network.names if not n.startswith("network.")
    ]  # over features
    held = {n.removeprefix("features."): p for n, p in meta.params.items() if n in names}
    held = {n: p for n, p in held.items() if n.rpartition(".")[2] not in ("context", "hears")}
    assert biggest(own, held) == 0
    meta.params.update({n: p + 1 for n, p in meta.params.items()})
    assert biggest(own, dict(learner.spec.model.named_parameters())) == 0


@pytest.mark.parametrize("case", [c for c in CASES if c[1] != "conv_norm"], ids="-".join)
def test_rows_that_pad_change_nothing(case):
    """Networks without batch norm: padding takes part in a batch's statistics."""
    learner, meta, episodes = given.case(*case)

    def padded(examples: Examples) -> Examples:
        tasks, rows = examples.y.shape[:2]
        x = torch.cat([examples.x, 9 + examples.x[:, :2]], 1)
        y = torch.cat([examples.y, examples.y[:, :2]], 1)
        mask = torch.arange(rows + 2) < rows
        return Examples(x, y, mask=mask.expand(tasks, -1), ways=examples.ways)

    longer = Episodes(
        padded(episodes.support), padded(episodes.query), episodes.task, episodes.classes
    )
    for path in ("vmap", "loop"):
        runner = learner.on_path(path)
        assert biggest(runner.gradient(meta, episodes), runner.gradient(meta, longer)) < 1e-10
    x = episodes[0].query.x
    answers = [
        learner.predict(meta, learner.adapt(meta, e[0].support), x) for e in (episodes, longer)
    ]
    assert biggest(*answers) < 1e-10


@every
@pytest.mark.parametrize("path", ["vmap", "loop"])
def test_a_task_that_is_not_finite_is_left_out_and_named(case, path):
    learner, meta, episodes = given.case(*case)
    if not given.learns(learner):
        pytest.skip("nothing is learnt across tasks")
    learner = learner.on_path(path)
    x = episodes.support.x.clone()
    x[1] = torch.nan
    support = Examples(x, episodes.support.y, ways=episodes.support.ways)
    broken = Episodes(support, episodes.query, episodes.task, episodes.classes)
    found = learner.gradient(meta, broken)
    assert found.kept.tolist() == [True, False, True]
    others = learner.gradient(meta, tree_map(lambda leaf: leaf[[0, 2]], episodes))
    assert biggest(found.grads, others.grads) < 1e-10
    assert biggest(found.state, others.state) < 1e-10

    x = torch.full_like(x, torch.nan)
    support = Examples(x, episodes.support.y, ways=episodes.support.ways)
    found = learner.gradient(meta, Episodes(support, episodes.query, None, episodes.classes))
    assert not found.kept.any()
    assert all((g == 0).all() for g in found.grads.values())
    assert biggest(found.state, meta.state) == 0


@every_classifier
def test_a_task_may_have_fewer_ways_than_the_model_has_outputs(case):
    name, network, _ = case
    learner = given.learner(name, network, outputs=CLASSES)
    meta, episodes = given.start(learner), given.classification(network, ways=2)
    found = learner.gradient(meta, episodes)
    assert found.kept.all()
    fast = learner.adapt(meta, episodes[0].support)
    assert learner.predict(meta, fast, episodes[0].query.x).shape[1] in (2, CLASSES)


@every
def test_a_setting_is_replaced_and_an_unknown_one_is_refused_in_one_sentence(case):
    learner, meta, episodes = given.case(*case)
    with pytest.raises(InputError, match=rf"{case[0]} has no setting 'colour'; it has: loss"):
        learner.replace(colour="red")
    same = learner.replace()
    assert same.spec.settings == learner.spec.settings
    if "inner_steps" in learner.spec.settings:
        longer = learner.replace(inner_steps=5)
        assert longer.spec.settings["inner_steps"] == 5
        fasts = [made.adapt(meta, episodes[0].support) for made in (learner, longer)]
        assert biggest(*fasts) > 0


@every
def test_further_examples_are_as_good_as_all_at_once(case):
    learner, meta, episodes = given.case(*case)
    first, more = episodes[0].support, episodes[0].query
    if not learner.can_observe:
        with pytest.raises(InputError, match="adapt again on all of them"):
            learner.observe(meta, learner.adapt(meta, first), more)
        return
    grown = learner.observe(meta, learner.adapt(meta, first), more)
    assert biggest(grown, learner.adapt(meta, concatenate(first, more))) < 1e-10


@every
def test_steps_along_the_gradient_lower_the_loss(case):
    learner, meta, episodes = given.case(*case)
    if not given.learns(learner):
        pytest.skip("nothing is learnt across tasks")
    rate = 0.1 if learner.suggestions.optimiser == "adam" else learner.suggestions.lr
    losses = []
    for _ in range(10):
        found = learner.gradient(meta, episodes)
        losses.append(float(found.losses.mean()))
        meta = Meta({n: p - rate * found.grads[n] for n, p in meta.params.items()}, found.state)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_regression_works_or_the_learner_names_those_that_can(name):
    if given.regresses(name):
        return
    learner = given.learner(name, "mlp")
    meta, episodes = given.start(learner), given.regression()
    for attempt in (
        lambda: learner.adapt(meta, episodes[0].support),
        lambda: learner.gradient(meta, episodes),
    ):
        with pytest.raises(InputError, match="use maml, finetune without classes="):
            attempt()
