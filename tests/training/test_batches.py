import pytest
import torch
from training_cases import Spoilt, small_course, small_learner, states_of, with_train

import innerloop as il
from innerloop.outer import Workers
from innerloop.training import rounds
from innerloop.training.batches import Here, prepare_data
from innerloop.training.state import from_data, same_bits, to_data


def test_batches_drawn_together_are_the_steps_own():
    course = small_course()
    for first in (0, 21):
        batches = prepare_data(course, first)
        for step in range(first, first + 20):
            ours, alone = next(batches), course.train.sample(course.seed, step, course.meta_batch)
            assert torch.equal(ours.task, alone.task)
            assert torch.equal(ours.support.x, alone.support.x)
            assert torch.allclose(ours.query.y, alone.query.y)


@pytest.mark.parametrize("tasks", [range(3), range(1, 3), range(2, 5)])
def test_some_tasks_of_a_batch_are_those_of_the_whole(tasks):
    course = small_course(meta_batch=5)
    whole, some = prepare_data(course, 7), prepare_data(course, 7, tasks)
    for _ in range(20):
        expected, found = next(whole)[tasks.start : tasks.stop], next(some)
        assert torch.equal(found.task, expected.task)
        assert torch.equal(found.support.x, expected.support.x)
        assert torch.allclose(found.query.y, expected.query.y)


def test_uneven_tasks_are_the_same_as_well():
    course = small_course(
        il.tasks.glyphs(ways=(2, 4), shots=(1, 3)), il.protonet(il.models.resnet6())
    )
    whole, some = (next(prepare_data(course, 3, tasks)) for tasks in (None, range(1, 2)))
    for name in ("support", "query"):
        ours, theirs = getattr(some[0], name), getattr(whole[1], name)
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.y, theirs.y)


def test_steps_may_be_asked_for_in_any_order():
    here, again = Here(small_course()), Here(small_course())
    meta = small_learner().init(torch.Generator().manual_seed(0))
    forwards = [here(meta, step, range(2)).losses for step in range(4)]
    backwards = [again(meta, step, range(2)).losses for step in reversed(range(4))]
    for ours, theirs in zip(forwards, reversed(backwards), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_run_shared_out_is_the_run_of_one_process_but_for_rounding():
    course = small_course(with_train(Spoilt, bad=3), meta_batch=3)
    layout, states = states_of(course)
    for count in (2, 3):
        with Workers(Here(course), count) as share:
            *_, last = rounds(course, layout, states[0], share)
        torch.testing.assert_close(last.weights, states[-1].weights, rtol=1e-4, atol=1e-6)
        assert last.counts._replace(loss=0) == states[-1].counts._replace(loss=0)
        assert last.metric == pytest.approx(states[-1].metric, rel=1e-4)


def test_a_run_shared_out_goes_on_from_any_step_with_the_same_bits():
    net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    course = small_course(learner=il.maml(net, inner_lr=0.01), meta_batch=3, steps=4)
    layout, first = states_of(course)[0], states_of(course)[1][0]
    with Workers(Here(course), 2) as share:
        states = [first, *rounds(course, layout, first, share)]
    for state in states[:-1]:
        with Workers(Here(course), 2) as share:
            *_, last = rounds(course, layout, from_data(*to_data(state)), share)
        assert same_bits(last, states[-1])
