import math

import pytest
import torch
from training_cases import Spoilt, small_course, small_learner, states_of, with_train

import innerloop as il
from innerloop.training import Verdict, adamw, rounds, sgd
from innerloop.training.loop import BARREN
from innerloop.training.state import from_data, same_bits, to_data

COURSES = {
    "adam, cosine": {},
    "sgd, plateau, average": {
        "optimiser": sgd(momentum=0.9),
        "schedule": "plateau",
        "lr": 0.01,
        "ema": 0.9,
        "clip": 1.0,
    },
    "adamw, patience": {"optimiser": adamw(), "patience_for": 5, "target_metric": 0.0},
}


@pytest.mark.parametrize("settings", COURSES.values(), ids=list(COURSES))
def test_the_same_seed_gives_the_same_bits(settings):
    course = small_course(**settings)
    (_, first), (_, second) = states_of(course), states_of(course)
    assert all(same_bits(a, b) for a, b in zip(first, second, strict=True))


def test_another_seed_gives_other_weights():
    (_, first), (_, second) = states_of(small_course(seed=0)), states_of(small_course(seed=1))
    assert not same_bits(first[0], second[0])


@pytest.mark.parametrize("settings", COURSES.values(), ids=list(COURSES))
def test_a_run_goes_on_from_any_step_with_the_same_bits(settings):
    course = small_course(**settings)
    layout, states = states_of(course)
    for state in states[:-1]:
        *_, last = rounds(course, layout, from_data(*to_data(state)))
        assert same_bits(last, states[-1])
        assert to_data(last)[1]["best"] == to_data(states[-1])[1]["best"]


def test_random_layers_draw_the_same_after_a_resume():
    net = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    course = small_course(learner=il.maml(net, inner_lr=0.01), steps=3)
    layout, states = states_of(course)
    torch.manual_seed(5)
    *_, last = rounds(course, layout, from_data(*to_data(states[1])))
    assert same_bits(last, states[-1])


def test_training_leaves_torchs_own_random_numbers_alone():
    course = small_course(steps=2)
    before = torch.get_rng_state()
    states_of(course)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_history_has_a_line_for_the_last_weights():
    _, states = states_of(small_course())
    rows = [state.row for state in states if state.row is not None]
    assert [row["step"] for row in rows] == [0, 1, 2, 3, 4, 6]
    assert [row["step"] for row in rows if row["validation"] is not None] == [3, 6]
    assert rows[0]["lr"] == 1e-3
    assert all(math.isfinite(row["loss"]) for row in rows)


def test_the_result_is_the_best_by_validation():
    course = small_course(lr=0.5, optimiser="sgd", steps=12, validate_every=1)
    layout, states = states_of(course)
    last = states[-1]
    best = min(s.metric for s in states if s.metric is not None)
    assert last.best.metric == best
    scores = il.evaluate(course.learner, last.result(layout), course.validation, episodes=4)
    assert scores.mean == pytest.approx(best)


def test_without_validation_the_result_are_the_last_weights():
    layout, states = states_of(small_course(validate_every=0))
    assert states[-1].best is None
    assert (
        states[-1]
        .result(layout)
        .params["1.weight"]
        .equal(states[-1].last(layout).params["1.weight"])
    )


def test_the_average_is_what_is_judged():
    course = small_course(ema=0.5, optimiser="sgd", lr=0.1, steps=1, validate_every=0)
    layout, (first, last) = states_of(course)
    assert torch.allclose(last.average, (first.weights + last.weights) / 2)
    assert torch.equal(layout.pack(last.last(layout).params), last.average)


def test_a_module_keeps_its_weights_and_a_function_draws_by_seed():
    net = torch.nn.Linear(1, 1)
    layout, states = states_of(small_course(learner=il.maml(net), steps=0))
    assert torch.equal(layout.unpack(states[0].weights)["weight"], net.weight)
    (_, one), (_, two) = (
        states_of(small_course(learner=il.maml(lambda: torch.nn.Linear(1, 1)), steps=0, seed=s))
        for s in (0, 1)
    )
    assert not torch.equal(one[0].weights, two[0].weights)


def test_one_spoilt_task_is_left_out_counted_and_named():
    course = small_course(with_train(Spoilt, bad=3))
    _, states = states_of(course)
    last = states[-1]
    assert last.verdict is Verdict.OUT_OF_STEPS
    assert (last.counts.dropped, last.counts.names) == (1, ("sinusoids/train task 3",))
    assert last.weights.isfinite().all()
    assert [s.row["dropped"] for s in states[1:]] == [0, 1, 1, 1, 1, 1]


def test_a_run_with_spoilt_inputs_only_ends_and_says_so():
    _, states = states_of(small_course(with_train(Spoilt, bad=None), steps=50))
    last = states[-1]
    assert last.verdict is Verdict.DIVERGED
    assert last.step == BARREN
    assert last.diagnosis[0] == (
        "The inputs or targets are not finite, for example in sinusoids/train task 38, row 0 of the "
        "support x; clean or impute them."
    )
    assert torch.equal(last.weights, states[0].weights)
    assert len(last.counts.names) == 5


def test_an_inner_loop_that_explodes_is_told_apart():
    learner = small_learner(inner_lr=1e30, inner_steps=5)
    _, states = states_of(small_course(learner=learner, steps=50, validate_every=5))
    assert states[-1].best is None  # an infinite error is no best
    assert states[-1].verdict is Verdict.DIVERGED
    assert states[-1].diagnosis[0] == (
        "The support loss explodes in the inner loop; lower inner_lr (now 1e+30) or inner_steps."
    )


def test_an_outer_loop_that_explodes_is_told_apart_and_its_weights_stay_finite():
    course = small_course(optimiser="sgd", lr=1e6, steps=200, validate_every=0)
    _, states = states_of(course)
    last = states[-1]
    assert last.verdict is Verdict.DIVERGED
    assert last.diagnosis[0].startswith("The outer weights have grown up to ")
    assert "lower lr (now 1e+06) or set clip=10." in last.diagnosis[0]
    assert all(state.weights.isfinite().all() for state in states)


def test_updates_that_overflow_are_not_applied():
    course = small_course(optimiser="sgd", lr=3e38, schedule="constant", steps=50, validate_every=0)
    _, states = states_of(course)
    assert states[-1].counts.refused == BARREN
    assert torch.equal(states[-1].weights, states[0].weights)
    assert "updates overflow; lower lr" in states[-1].diagnosis[0]


def test_weights_that_were_never_finite_are_named():
    net = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(net.weight, float("nan"))
    _, states = states_of(small_course(learner=il.maml(net), steps=50, validate_every=0))
    assert states[-1].diagnosis[0].startswith("The outer weights were not finite to begin with")


def test_patience_and_target_end_a_run():
    course = small_course(lr=0.0, steps=50, validate_every=2, patience_for=2)
    assert states_of(course)[1][-1].verdict is Verdict.CONVERGED
    course = small_course(steps=50, validate_every=2, target_metric=1e9)
    _, states = states_of(course)
    assert (states[-1].verdict, states[-1].step) == (Verdict.REACHED, 3)


def test_minutes_end_a_run_and_anneal_the_rate():
    course = small_course(steps=None, minutes=0.02, validate_every=0)
    _, states = states_of(course)
    assert states[-1].verdict is Verdict.OUT_OF_TIME
    assert states[-1].factor < states[len(states) // 2].factor < 1


def test_a_learner_that_learns_nothing_across_tasks_is_left_alone():
    course = small_course(learner=il.scratch(il.models.mlp(1, 1)), steps=None)
    _, (only,) = states_of(course)
    assert only.verdict is Verdict.NOTHING_TO_TRAIN


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"meta_batch": 0}, "meta_batch must be at least 1, got 0"),
        ({"lr": -1.0}, "lr must be at least 0, got -1.0"),
        ({"lr": float("nan")}, "lr must be a finite number, got nan"),
        ({"lr": float("inf")}, "lr must be a finite number, got inf"),
        ({"ema": 1.0}, "ema is the share of the old average and must be below 1, got 1.0"),
        (
            {"schedule": "stairs"},
            "schedule must be one of constant, linear, cosine, plateau, got 'stairs'",
        ),
        ({"patience_for": 3, "validate_every": 0}, "patience looks at validations"),
    ],
)
def test_senseless_settings_are_refused(settings, sentence):
    with pytest.raises(il.InputError, match=sentence):
        small_course(**settings)


def test_suggested_ways_are_halved_until_the_classes_suffice():
    learner = il.protonet(il.models.mlp(784, None))
    tasks = il.tasks.digits()
    assert learner.suggestions.ways > 10
    course = small_course(tasks, learner)
    assert tasks.train.ways <= course.train.ways <= 10
    with pytest.raises(il.InputError, match="got 64 ways"):
        small_course(tasks, learner, ways=64)


def test_maml_learns_sinusoids():
    learner = il.maml(il.models.mlp(1, 1), inner_lr=0.01)
    course = small_course(
        learner=learner, steps=200, meta_batch=10, lr=0.01, validate_every=100, schedule="cosine"
    )
    layout, states = states_of(course)
    before = il.evaluate(learner, states[0].last(layout), course.validation, episodes=50).mean
    after = il.evaluate(learner, states[-1].result(layout), course.validation, episodes=50).mean
    assert after < 0.7 * before
