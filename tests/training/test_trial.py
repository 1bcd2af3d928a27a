import pytest
import torch
from training_cases import small_course, small_learner

import innerloop as il
from innerloop.outer.memory import Need
from innerloop.training import trial
from innerloop.training.plan import following, plan_of
from innerloop.training.trial import differentiated, largest_last, tried

NEED = Need(300e6, 100e6)
LARGE = {"inner_steps": 10**6}  # a learner whose memory is looked at


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def needs(monkeypatch):
    """What was measured, on a machine of 1 GB."""
    asked = []

    def need_of(one, meta, *, together):
        asked.append(together)
        return NEED

    monkeypatch.setattr(trial, "free_memory", lambda: 1e9)
    monkeypatch.setattr(trial, "need_of", need_of)
    return asked


@pytest.fixture
def seconds(monkeypatch):
    """Of a step by each way that is tried; what was tried is noted in `ways`."""

    class Seconds(list):
        ways = ()

        def __call__(self, ways, meta, tasks):
            self.ways = [(way.workers, way.threads, tasks) for way in ways]
            return list(self)

    found = Seconds()
    monkeypatch.setattr(trial, "paces", found)
    return found


def tried_for(learner=None, workers=None, memory=None, **settings):
    course = small_course(learner=learner, **{"meta_batch": 5, "steps": trial.LONG, **settings})
    plan = plan_of(course.learner, course.meta_batch, workers)
    return tried(course, course.learner.init(), plan, workers, memory)


def test_memory_is_looked_at_where_a_step_may_be_large_or_it_is_given(needs):
    assert tried_for(workers=2)["at_once"] is None
    assert needs == []
    assert tried_for(workers=2, memory="2GB")["at_once"] is None
    assert tried_for(small_learner(**LARGE), workers=2)["at_once"] == 2
    assert needs == [True, True]


def test_of_a_convolutional_network_one_task_is_measured(needs):
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten(), torch.nn.Linear(1352, 5)
    )
    course = small_course(il.tasks.digits(ways=5), il.maml(net), steps=6)
    plan = tried(course, course.learner.init(), plan_of(course.learner, 5, 1), 1)
    assert course.learner.path == "explicit"
    assert needs == [False]
    assert plan["at_once"] is None


@pytest.mark.usefixtures("four_threads")
def test_the_faster_of_one_process_and_all_cores_is_taken(seconds):
    seconds[:] = [0.2, 0.3, 0.1]
    plan = tried_for(meta_batch=6)
    assert seconds.ways == [(1, 1, range(6)), (1, 4, range(6)), (4, 1, range(6))]
    assert (plan["workers"], plan["seconds"]) == (4, {"1x1": 0.2, "1x4": 0.3, "4x1": 0.1})
    seconds[:] = [0.2, 0.1, 0.3]
    plan = tried_for(meta_batch=6)
    assert (plan["workers"], plan["threads"]) == (1, 4), "threads may be as good as processes"
    seconds[:] = [0.1, 0.1, 0.1]
    assert tried_for(meta_batch=2)["workers"] == 1
    assert [workers for workers, *_ in seconds.ways] == [1, 1, 2], "no more than there are tasks"
    seconds[:] = [0.001]
    assert tried_for()["seconds"] == {"1x1": 0.001}


@pytest.mark.usefixtures("four_threads")
def test_nothing_is_tried_where_there_is_no_choice_or_no_time(seconds):
    heavy = il.maml(il.models.mlp(1, 1, hidden=1_100, layers=2))
    assert "seconds" not in tried_for(workers=3)
    assert "seconds" not in tried_for(heavy, meta_batch=1)
    assert "seconds" not in tried_for(steps=trial.LONG - 1)
    assert tried_for(heavy, steps=trial.LONG - 1)["workers"] == 4, "what is likely, then"
    assert not seconds.ways


@pytest.mark.usefixtures("four_threads", "needs")
def test_there_are_no_more_processes_than_memory_holds(seconds):
    seconds[:] = [0.2, 0.3, 0.1]
    plan = tried_for(small_learner(**LARGE))
    assert (plan["workers"], plan["at_once"]) == (2, 2)
    plan = tried_for(small_learner(**LARGE), memory="400MB", steps=6)
    assert (plan["workers"], plan["at_once"]) == (1, 1)
    with pytest.raises(il.InputError, match="one task alone does not fit into the 267 MB"):
        tried_for(il.fomaml(il.models.mlp(1, 1), **LARGE), workers=3)


@pytest.mark.parametrize("room", range(1, 9))
def test_as_many_inner_steps_are_differentiated_as_fit(monkeypatch, room):
    """On a machine where a task takes one byte, and one more for each step differentiated."""
    monkeypatch.setattr(trial, "Here", lambda course: course.learner)
    monkeypatch.setattr(trial, "peak", lambda learner, meta, tasks: 1 + differentiated(learner))
    course = small_course(learner=small_learner(inner_steps=7))
    plan = plan_of(course.learner, 5, 1)
    assert largest_last(course, None, plan, room) == min(room, 7) - 1
    assert largest_last(course, None, plan, 0.5) is None
    some = following(course, {**plan, "last": 4})
    assert largest_last(some, None, plan, room) == min(room, 4) - 1


def test_only_a_learner_with_that_choice_differentiates_fewer_steps():
    model = il.models.mlp(1, 1)
    assert differentiated(il.maml(model, inner_steps=3)) == 3
    assert differentiated(il.maml(model, inner_steps=3, through=il.truncated(5))) == 3
    assert differentiated(il.maml(model, through=il.first_order)) == 0
    for learner in (il.fomaml(model), il.reptile(model), il.protonet(model)):
        assert differentiated(learner) == 0
