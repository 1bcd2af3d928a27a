import math

import pytest

import innerloop as il
from innerloop.training.control import (
    Seen,
    budget,
    constant,
    cosine,
    first_of,
    linear,
    patience,
    plateau,
    spent,
    target,
)
from innerloop.training.verdict import Verdict


def factors(schedule, steps=4, scores=None):
    memory, found = schedule.init(), []
    for step in range(steps + 1):
        score = scores[step] if scores else None
        factor, memory = schedule.update(memory, Seen(step, step / steps, score))
        found.append(factor)
    return found


def verdicts(ending, scores, steps=100):
    memory, found = ending.init(), []
    for step, score in enumerate(scores):
        verdict, memory = ending.update(memory, Seen(step, step / steps, score))
        found.append(verdict)
    return found


def test_schedules_have_their_values():
    assert factors(constant()) == [1, 1, 1, 1, 1]
    assert factors(linear()) == [1, 0.75, 0.5, 0.25, 0]
    expected = [(1 + math.cos(math.pi * step / 4)) / 2 for step in range(5)]
    assert factors(cosine()) == pytest.approx(expected)


def test_warm_up_rises_in_equal_steps_and_then_leaves_the_schedule_alone():
    assert factors(constant(warmup=4)) == [0.25, 0.5, 0.75, 1, 1]
    assert factors(linear(warmup=2)) == [0.5, 0.75, 0.5, 0.25, 0]


def test_plateau_halves_after_patience_and_forgives_what_is_better():
    scores = [1.0, 0.9, 0.9, None, 2.0, 1.0, float("nan"), 1.0, 1.0]
    assert factors(plateau(patience=2), 8, scores) == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_patience_counts_validations_without_a_better_one():
    scores = [1.0, None, 2.0, 1.5, None, 2.0]
    assert verdicts(patience(2), scores)[-2:] == [None, Verdict.CONVERGED]


def test_target_is_reached_by_a_validation_only():
    assert verdicts(target(0.9), [None, 0.8, 0.9]) == [None, None, Verdict.REACHED]


def test_budget_in_steps_and_in_minutes():
    assert budget(3, None).update({}, Seen(2, 0.7))[0] is None
    assert budget(3, None).update({}, Seen(3, 1.0))[0] is Verdict.OUT_OF_STEPS
    assert budget(None, 1.0).update({}, Seen(99, 1.0))[0] is Verdict.OUT_OF_TIME


def test_the_ending_named_first_gives_the_verdict():
    ending = first_of(target(1.0), patience(1), budget(2, None))
    assert verdicts(ending, [0.0, 0.5, 1.0], 2)[-1] is Verdict.REACHED


def test_the_budget_spent_is_that_of_steps_or_minutes_whichever_is_further():
    assert spent(10, 30, steps=100, minutes=1) == 0.5
    assert spent(90, 30, steps=100, minutes=1) == 0.9
    assert spent(0, 0, steps=0, minutes=None) == 1


def test_a_verdict_is_the_sentence_that_the_user_reads():
    assert Verdict.CONVERGED.value == "The validation metric has stopped improving."
    il.use_language("zh")
    try:
        assert str(Verdict.CONVERGED) == "验证指标不再提升。"
    finally:
        il.use_language(None)


def test_senseless_controls_are_refused():
    with pytest.raises(il.InputError, match="factor must lie between 0 and 1, got 2"):
        plateau(factor=2)
    with pytest.raises(il.InputError, match="patience counts validations and must be at least 1"):
        patience(0)
