import pytest
import torch
from training_cases import small_course, small_learner

import innerloop as il
from innerloop.training.plan import (
    at_once,
    changed_plan,
    plan_of,
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


def noted(monkeypatch):
    """What the fitting is asked: (tasks, memory)."""
    asked = []
    monkeypatch.setattr("innerloop.training.plan.free_memory", lambda: 1e9)
    monkeypatch.setattr(
        "innerloop.training.plan.tasks_that_fit", lambda one, meta, *what: asked.append(what)
    )
    return asked


def test_memory_is_shared_among_workers_and_measured_where_a_step_may_be_large(monkeypatch):
    asked = noted(monkeypatch)
    for learner, memory in ((small_learner(), None), (small_learner(inner_steps=10**6), None)):
        course = small_course(learner=learner, meta_batch=5)
        meta = learner.init(torch.Generator().manual_seed(0))
        at_once(course, meta, plan_of(learner, 5, 2), memory)
    assert asked == [(3, pytest.approx(0.8e9 / 2))]
    at_once(course, meta, plan_of(learner, 5, 1), "2GB")
    assert asked[1] == (5, pytest.approx(1.6e9))
