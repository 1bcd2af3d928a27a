"""Laws of an evaluation: known scores for known answers, and nothing but the episodes decides."""

import math
import re
import warnings
from types import SimpleNamespace

import pytest
import torch
from contenders import NOTHING, Directions, constant, perfect, renamed, rule, undecided

import innerloop as il
from innerloop.evaluation import evaluate

STREAM = Directions()


def smooth(**settings):
    network = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    return il.maml(network.double(), inner_lr=0.05, **settings)


class Doubled(il.tasks.functions.FunctionStream):
    def draw(self, draws):
        from innerloop.tree import tree_map

        drawn = super().draw(draws)
        return tree_map(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, drawn)


def lines(**changes):
    test = il.tasks.linear(shots=5).test.replace(**changes)
    return Doubled(**{f: getattr(test, f) for f in ("name", "shots", "queries", "family")})


def test_the_loop_scores_what_vmap_scores():
    learner, episodes = smooth(inner_steps=3), 23
    meta = learner.init(torch.Generator().manual_seed(0))
    one, many = (
        evaluate(learner.on_path(path), meta, lines(), episodes=episodes)
        for path in ("loop", "vmap")
    )
    torch.testing.assert_close(one.values, many.values, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(one.nll, many.nll, rtol=1e-10, atol=1e-12)


def test_the_size_of_batches_does_not_matter():
    learner = smooth()
    meta = learner.init(torch.Generator().manual_seed(0))
    few, all_ = (evaluate(learner, meta, lines(), episodes=23, batch=b) for b in (7, 50))
    assert few.episodes == 23
    torch.testing.assert_close(few.values, all_.values, rtol=1e-10, atol=1e-12)


def test_a_seed_names_the_episodes():
    learner = smooth()
    meta = learner.init(torch.Generator().manual_seed(0))
    a, b, other = (evaluate(learner, meta, lines(), episodes=9, seed=s) for s in (1, 1, 2))
    assert torch.equal(a.values, b.values)
    assert torch.equal(a.nll, b.nll)
    assert not torch.equal(a.values, other.values)


def test_randomness_of_adaptation_follows_the_seed_and_the_task():
    dice = rule(lambda support, x: x)
    object.__setattr__(
        dice.method, "adapt", lambda meta, support, *, generator: torch.rand(4, generator=generator)
    )
    object.__setattr__(dice.method, "predict", lambda meta, fast, x: fast.expand(len(x), -1))
    dice = dice.on_path("loop")
    a, b = (evaluate(dice, NOTHING, STREAM, episodes=11, batch=size) for size in (2, 5))
    assert torch.equal(a.nll, b.nll)
    assert len(a.nll.unique()) == 11


def test_a_perfect_answer():
    scores = evaluate(perfect, NOTHING, STREAM, episodes=10)
    assert (scores.metric, scores.mean, scores.ci95, scores.failed) == ("accuracy", 1.0, 0.0, 0)
    assert float(scores.nll.max()) < 1e-6
    assert scores.ece < 1e-6


def test_a_constant_answer_is_right_for_one_class_of_four():
    scores = evaluate(constant, NOTHING, STREAM, episodes=10)
    assert scores.mean == pytest.approx(0.25)
    probability = math.e / (math.e + 3)
    right, wrong = -math.log(probability), -math.log((1 - probability) / 3)
    assert float(scores.nll.mean()) == pytest.approx((right + 3 * wrong) / 4)
    assert scores.ece == pytest.approx(probability - 0.25)


def test_an_undecided_answer_has_the_entropy_of_the_ways():
    scores = evaluate(undecided, NOTHING, STREAM, episodes=5)
    assert float(scores.nll.mean()) == pytest.approx(math.log(4))


def test_a_constant_number():
    zero = rule(lambda support, x: torch.zeros_like(x))
    stream = il.tasks.linear().test
    scores = evaluate(zero, NOTHING, stream, episodes=30)
    y = stream.sample(0, 0, 30).query.y.double()
    torch.testing.assert_close(scores.values, y.square().mean((1, 2)))
    normal = torch.distributions.Normal(0.0, 1.0)
    torch.testing.assert_close(scores.nll, -normal.log_prob(y).mean((1, 2)))
    assert scores.ece is None


def test_padding_does_not_change_a_score():
    bare, padded = (
        evaluate(undecided_of_first, NOTHING, Directions(pad=p, noise=2.0), episodes=8)
        for p in (0, 5)
    )
    assert torch.equal(bare.values, padded.values)
    torch.testing.assert_close(bare.nll, padded.nll)
    assert bare.ece == pytest.approx(padded.ece)
    assert padded.failed == 0


undecided_of_first = rule(lambda support, x: x)


def test_outputs_beyond_the_ways_do_not_count():
    wide = rule(lambda support, x: torch.cat([x, torch.full_like(x, 1e3)], -1))
    narrow = rule(lambda support, x: x)
    a, b = (evaluate(learner, NOTHING, STREAM, episodes=8) for learner in (wide, narrow))
    assert a.mean == b.mean == 1.0
    torch.testing.assert_close(a.nll, b.nll)


def test_a_class_that_is_not_finite_is_a_miss():
    def blind_to_class_0(support, x):
        return torch.where(x.argmax(-1, keepdim=True) == 0, torch.nan, 50 * x)

    scores = evaluate(rule(blind_to_class_0), NOTHING, STREAM, episodes=6)
    assert scores.mean == pytest.approx(0.75)
    assert scores.failed == 6
    assert "6 tasks with predictions that are not finite, counted as misses" in str(scores)


def test_a_number_that_is_not_finite_counts_as_the_worst_task():
    stream = il.tasks.linear().test

    def sometimes(support, x):
        return torch.where(support.y.mean() > 0, x * 0, torch.nan)

    scores = evaluate(rule(sometimes), NOTHING, stream, episodes=40)
    episodes = stream.sample(0, 0, 40)
    fine = episodes.support.y.mean((1, 2)) > 0
    errors = episodes.query.y.double().square().mean((1, 2))
    assert scores.failed == int((~fine).sum()) > 5
    torch.testing.assert_close(scores.values, torch.where(fine, errors, errors[fine].max()))


def test_a_learner_that_never_answers_has_an_infinite_error():
    never = rule(lambda support, x: x * torch.nan)
    scores = evaluate(never, NOTHING, il.tasks.linear().test, episodes=4)
    assert scores.mean == math.inf
    assert math.isnan(scores.ci95)
    assert scores.failed == 4


def test_what_vmap_cannot_do_runs_task_by_task_and_says_so():
    branching = rule(lambda support, x: x if float(x.sum()) > 0 else -x)
    with pytest.warns(UserWarning, match="tasks run one by one"):
        scores = evaluate(branching, NOTHING, STREAM, episodes=4)
    assert scores.mean == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(branching.on_path("loop"), NOTHING, STREAM, episodes=4)


def test_an_error_of_the_learner_itself_is_not_swallowed():
    broken = rule(lambda support, x: x @ x)
    with pytest.raises(RuntimeError):
        evaluate(broken, NOTHING, STREAM, episodes=4)


def test_a_run_or_a_pair_will_do():
    run = SimpleNamespace(learner=perfect, meta=NOTHING)
    assert evaluate(run, STREAM, episodes=3, baselines={}).mean == 1.0
    assert evaluate((perfect, NOTHING), STREAM, episodes=3).mean == 1.0


def test_baselines_see_the_same_episodes():
    beside = {"twin": (renamed(lambda s, x: 50 * x), NOTHING), "constant": (constant, NOTHING)}
    scores = evaluate(perfect, NOTHING, STREAM, episodes=12, baselines=beside)
    assert torch.equal(scores.values, scores.baselines["twin"].values)
    assert [round(s.mean, 2) for s in scores.baselines.values()] == [1.0, 0.25]
    lines = str(scores).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("rule      100.0 ± 0.0 %  (12 episodes, 4-way 2-shot, non-transdu")
    assert len({line.index("%") for line in lines}) == 1


def test_json_has_the_keys_that_are_always_the_same():
    scores = evaluate(perfect, NOTHING, STREAM, episodes=3, baselines={"c": (constant, NOTHING)})
    found = scores.to_json()
    assert {"metric", "mean", "ci95", "episodes", "baselines", "ece", "transductive"} <= set(found)
    assert found["baselines"]["c"]["mean"] == pytest.approx(0.25)
    assert (found["ways"], found["shots"], found["queries"], found["seed"]) == (4, 2, 3, 0)
    assert found["split"] == "directions/test"


def test_a_chinese_reader_reads_chinese():
    scores = evaluate(perfect, NOTHING, STREAM, episodes=3)
    il.use_language("zh")
    try:
        assert "3 个任务，4 类 2 样本，非转导" in str(scores)
    finally:
        il.use_language(None)


def test_wrong_calls_say_what_is_right():
    with pytest.raises(il.InputError, match="between 1 and 10,000,000, got 0"):
        evaluate(perfect, NOTHING, STREAM, episodes=0)
    with pytest.raises(il.InputError, match=r"takes \(run, stream\) or \(learner, meta, stream\)"):
        evaluate(perfect, STREAM)
    with pytest.raises(il.InputError, match="a contender is a run or a pair"):
        evaluate(3, STREAM)


def test_a_bar_goes_to_stderr(capsys):
    evaluate(perfect, NOTHING, STREAM, episodes=3, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "rule" in err


def test_the_log_likelihood_stands_beside_the_error_where_the_learner_gives_a_density():
    stream = il.tasks.linear(shots=5).test
    dense, plain = (
        (learner, learner.init(torch.Generator().manual_seed(0)))
        for learner in (il.cnp(width=8), il.ridge(torch.nn.Linear(1, 4)))
    )
    scores = evaluate(*dense, stream, episodes=20, baselines={"plain": plain})
    found = scores.log_likelihood
    assert found["mean"] == pytest.approx(-float(scores.nll.mean()))
    assert found["ci95"] > 0
    assert scores.to_json()["log_likelihood"] == found
    assert scores.to_json()["baselines"]["plain"]["log_likelihood"] is None
    first, second = str(scores).splitlines()
    assert re.search(r"mse [\d.]+ ± [\d.]+  log-likelihood -?[\d.]+ ± [\d.]+  \(20 episodes", first)
    assert "log-likelihood" not in second
    assert first.index("(") == second.index("(")
    assert "log-likelihood" not in str(evaluate(*plain, stream, episodes=5))
