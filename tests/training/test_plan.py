import pytest
import torch
from training_cases import small_course, small_learner

import innerloop as il
from innerloop.training.plan import (
    SPELT,
    changed_plan,
    following,
    plan_of,
    resumed,
    sentence,
    threads_for,
    workers_for,
)


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
def test_threads_become_workers_where_a_task_keeps_a_core_busy():
    assert workers_for(il.maml(il.models.conv4(5))) == 4
    assert workers_for(small_learner()) == 1
    assert workers_for(small_learner().on_path("loop")) == 4


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(("meta_batch", "asked", "found"), [(16, 2, 2), (3, None, 3), (3, 8, 3)])
def test_there_are_no_more_workers_than_tasks(meta_batch, asked, found):
    assert plan_of(il.maml(il.models.conv4(5)), meta_batch, asked)["workers"] == found


@pytest.mark.usefixtures("four_threads")
def test_threads_are_for_one_process_of_large_operations():
    heavy = il.maml(il.models.conv4(5))
    assert [threads_for(heavy, workers) for workers in (1, 2)] == [4, 1]
    assert threads_for(small_learner(), 1) == 1


def test_a_plan_is_one_line():
    plan = plan_of(small_learner().on_path("vmap"), 4, 1)
    assert sentence(plan)[0] == "Plan: tasks batched (vmap), in 1 process of 1 thread."
    assert (
        sentence({**plan, "workers": 3, "path": "new"})[0]
        == "Plan: new, in 3 processes of 1 thread."
    )


def test_another_plan_is_told_from_the_same():
    plan = plan_of(small_learner(), 4, 2)
    assert changed_plan(plan, plan) is None
    old = {name: value for name, value in plan.items() if name != "workers"}
    assert changed_plan(old, {**plan, "workers": 1}) is None, (
        "before there were workers there was one"
    )
    assert changed_plan(old, plan)[0].endswith("another plan: workers was 1, is 2.")


def test_the_ranks_are_part_of_the_line_and_each_has_a_task():
    plan = plan_of(small_learner().on_path("loop"), 6, 5, ranks=3)
    assert (plan["ranks"], plan["workers"]) == (3, 2)
    assert sentence(plan)[0].endswith("(loop), in 2 processes of 1 thread on each of 3 ranks.")
    with pytest.raises(il.InputError, match="meta_batch is 2, and there are 3 processes"):
        plan_of(small_learner(), 2, None, ranks=3)


def test_a_plan_that_was_tried_says_what_was_seen():
    plan = plan_of(small_learner().on_path("pass"), 4, 1)
    seen = {**plan, "at_once": 2, "last": 3, "seconds": {"1x1": 0.0042, "2x1": 0.012}}
    en, zh = sentence(seen)
    assert en == (
        "Plan: tasks batched, one pass back (pass), truncated(3), 2 at once, in 1 process of 1 thread "
        "(4.2 ms a step; 12 ms as 2x1)."
    )
    assert zh.endswith("1 个进程，每个 1 线程（每步 4.2 ms；2x1 需 12 ms）。")
    assert "(12 ms a step; 4.2 ms as 1x1)" in sentence({**seen, "workers": 2})[0]
    assert "first_order" in sentence({**plan, "last": 0})[0]
    assert all(set(map(bool, each)) == {True} for each in SPELT.values())
    assert set(SPELT) == set(il.outer.PATHS)


def test_a_run_goes_on_as_it_began_where_nothing_else_is_asked_for():
    new = plan_of(small_learner(), 4, None)
    began = {**new, "path": "loop", "workers": 2, "at_once": 3, "last": 1, "seconds": {"1x1": 9.0}}
    assert resumed(new, began, None, None) == began
    other = plan_of(small_learner(), 4, 4)
    assert resumed(other, began, 4, None)["workers"] == 4
    assert "seconds" not in resumed(other, began, 4, None), "they were those of other processes"
    again = resumed(new, began, None, "1GB")
    assert (again["workers"], again["at_once"], again["last"]) == (2, None, None)
    old = {"path": "vmap", "threads": 1}
    assert resumed(new, old, None, None)["at_once"] is None


def test_what_was_seen_is_no_part_of_a_plan():
    plan = plan_of(small_learner(), 4, 2)
    assert (
        changed_plan({**plan, "seconds": {"1x1": 0.2}}, {**plan, "seconds": {"1x1": 0.3}}) is None
    )


def test_a_course_follows_its_plan():
    course = small_course(learner=small_learner(inner_steps=4))
    plan = plan_of(course.learner, 4, 1)
    assert following(course, plan) is course
    learner = following(course, {**plan, "path": "loop", "last": 3}).learner
    assert (learner.path, learner.spec.settings["through"].last) == ("loop", 3)
    none = following(course, {**plan, "last": 0}).learner
    assert none.spec.settings["through"] is il.first_order
    assert course.learner.spec.settings["through"] is il.unrolled
