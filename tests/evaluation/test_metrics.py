"""Figures beside the headline are scikit-learn's, task by task; what is undefined is counted."""

import math

import pytest
import torch
from contenders import NOTHING, Directions, perfect, rule
from sklearn import metrics as sk

import innerloop as il
from innerloop.core import Examples
from innerloop.evaluation import evaluate, mean_and_ci95
from innerloop.evaluation.judging import judge
from innerloop.evaluation.metrics import CLASSES, LABELS, NUMBERS
from innerloop.likelihoods import Bernoulli, Categorical, Gaussian

T, Q, N = 12, 17, 4


def drawn(seed=0):
    """Outputs with ties, uneven classes, and rows that pad."""
    g = torch.Generator().manual_seed(seed)
    outputs = torch.randn(T, Q, N, generator=g, dtype=torch.float64).round(decimals=1)
    y = (torch.rand(T, Q, generator=g) ** 3 * N).long()
    mask = torch.rand(T, Q, generator=g) < 0.8
    return outputs, y, mask


def test_classes_are_judged_as_scikit_learn_judges_them():
    outputs, y, mask = drawn()
    found = judge(outputs, Examples(outputs, y, mask, ways=N), Categorical()).further
    for t in range(T):
        said, so = outputs[t, mask[t]].argmax(1), y[t, mask[t]]
        share = outputs[t, mask[t]].softmax(1)
        areas = [sk.roc_auc_score(so == n, share[:, n]) for n in so.unique().tolist()]
        expected = [
            sk.recall_score(so, said, labels=so.unique(), average="macro"),
            sk.f1_score(so, said, average="macro"),
            sum(areas) / len(areas),
        ]
        assert found[t].tolist() == pytest.approx(expected), CLASSES


def test_labels_are_judged_as_scikit_learn_judges_them():
    outputs, _, mask = drawn()
    y = torch.rand(T, Q, N, generator=torch.Generator().manual_seed(1)) < 0.3
    found = judge(outputs, Examples(outputs, y, mask), Bernoulli()).further
    for t in range(T):
        said, so = outputs[t, mask[t]] > 0, y[t, mask[t]]
        recalls = [
            sk.recall_score(so[:, n], said[:, n], pos_label=v)
            for n in range(N)
            for v in (True, False)
            if (so[:, n] == v).any()
        ]
        both = [n for n in range(N) if 0 < so[:, n].sum() < len(so)]
        some = [n for n in range(N) if (so | said)[:, n].any()]
        expected = [
            sum(recalls) / len(recalls),
            sum(sk.f1_score(so[:, n], said[:, n]) for n in some) / len(some),
            sum(sk.roc_auc_score(so[:, n], outputs[t, mask[t], n]) for n in both) / len(both),
            sk.accuracy_score(so, said),
        ]
        assert found[t].tolist() == pytest.approx(expected), LABELS


def test_numbers_are_judged_as_scikit_learn_judges_them():
    outputs, _, mask = drawn()
    y = drawn(2)[0]
    found = judge(outputs, Examples(outputs, y, mask), Gaussian()).further
    for t in range(T):
        pair = y[t, mask[t]], outputs[t, mask[t]]
        expected = [sk.mean_absolute_error(*pair), sk.r2_score(*pair)]
        assert found[t].tolist() == pytest.approx(expected), NUMBERS


def test_what_a_task_leaves_undefined_is_counted_and_left_out_of_that_mean_alone():
    y = torch.tensor([[0, 0, 0], [0, 1, 1]])
    outputs = torch.tensor([[[2.0, 1.0]] * 3, [[3.0, 1.0], [0.0, 1.0], [0.0, 2.0]]])
    found = judge(outputs, Examples(outputs, y, ways=2), Categorical()).further
    assert found[0, :2].tolist() == [1, 1]
    assert math.isnan(found[0, 2])
    assert found[1].tolist() == [1, 1, 1]

    class OneClass(Directions):
        def rows(self, draws, each):
            rows = super().rows(draws, each)
            alone = torch.from_numpy(draws.episodes % 4 == 0)[:, None]
            return Examples(rows.x, torch.where(alone, 0, rows.y), ways=self.ways)

    scores = evaluate(perfect, NOTHING, OneClass(), episodes=20)
    assert scores.metrics["auroc"]["undefined"] == 5
    assert scores.metrics["auroc"]["mean"] == 1
    assert scores.metrics["balanced_accuracy"]["undefined"] == 0
    assert "Undefined and left out of that mean, in episodes: AUROC 5" in scores.table(metrics=True)


def test_r_squared_of_equal_targets_is_undefined_and_failed_answers_count_as_the_worst():
    y = torch.tensor([[[2.0], [2.0]], [[1.0], [3.0]], [[1.0], [3.0]]])
    outputs = torch.tensor([[[2.0], [2.0]], [[1.0], [2.0]], [[1.0], [torch.nan]]])
    mae, r2 = judge(outputs, Examples(y, y), Gaussian()).further.unbind(1)
    assert mae.tolist() == [0, 0.5, torch.inf]
    assert math.isnan(r2[0])
    assert r2[1:].tolist() == [0.5, -torch.inf]


def test_an_answer_that_is_not_finite_is_a_miss_in_every_figure():
    y = torch.tensor([[0, 1, 0, 1]])
    outputs = torch.tensor([[[9.0, 0.0], [0.0, 9.0], [torch.nan, 0.0], [0.0, 9.0]]])
    balanced, f1, area = judge(outputs, Examples(y, y, ways=2), Categorical()).further[0].tolist()
    assert balanced == 0.75
    assert f1 == pytest.approx((2 / 3 + 1) / 2)
    assert area == pytest.approx(0.5)


@pytest.mark.parametrize("uneven", [False, True])
def test_the_table_shows_them_where_classes_are_uneven_or_when_asked(uneven):
    class Tilted(Directions):
        def rows(self, draws, each):
            rows = super().rows(draws, each)
            y = rows.y.clamp(max=1) if uneven else rows.y
            return Examples(torch.nn.functional.one_hot(y, 4).float(), y, ways=4)

    scores = evaluate(perfect, NOTHING, Tilted(), episodes=10)
    assert scores.uneven is uneven
    assert ("balanced accuracy 100.0 ± 0.0 %" in str(scores)) is uneven
    assert "AUROC 100.0" in scores.table(metrics=True)
    assert "AUROC" not in scores.table(metrics=False)
    assert set(scores.to_json()["metrics"]) == set(CLASSES)


def test_many_episodes_of_few_tasks_are_few_tasks():
    values, tasks = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4, 9, 7])
    once = mean_and_ci95(values)
    assert mean_and_ci95(values.repeat(50), tasks.repeat(50)) == pytest.approx(once)
    assert mean_and_ci95(values, torch.arange(3)) == pytest.approx(once)


def test_a_target_s_own_unit_changes_figures_and_not_their_order():
    class Metres(il.tasks.functions.FunctionStream):
        unit, scale = "cm", 100.0

    zero = rule(lambda support, x: torch.zeros_like(x))
    plain = il.tasks.linear().test
    metres = Metres(**{f: getattr(plain, f) for f in ("name", "shots", "queries", "family")})
    one, other = (evaluate(zero, NOTHING, s, episodes=20) for s in (plain, metres))
    torch.testing.assert_close(other.values, one.values * 1e4)
    torch.testing.assert_close(other.nll, one.nll + math.log(100))
    assert other.metrics["mae"]["mean"] == pytest.approx(100 * one.metrics["mae"]["mean"])
    assert other.metrics["r2"] == one.metrics["r2"]
    assert "in cm squared" in str(other)
