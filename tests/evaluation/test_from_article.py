"""The example that meets readers of the article says what its figures show."""

import importlib
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def article():
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module("from_article")
    finally:
        sys.path.remove(str(EXAMPLES))


def test_only_meta_learning_solves_the_relatives(article, capsys, monkeypatch):
    monkeypatch.setattr(article, "TRIED", (1, 3, 10))
    after = article.main(steps=150, iterations=1, episodes=40)
    text = capsys.readouterr().out
    scratch, maml, mbml, one_step, five_steps = (scores.mean for scores in after.values())
    assert max(one_step, five_steps) < 0.6 * min(scratch, maml, mbml)
    assert "MAML, 1 inner step is better than the article's MAML by" in text
    assert "What the article's loops lack" in text


def test_random_targets_teach_nothing(article, capsys):
    assert article.as_it_stands(iterations=3) > 1.0
    assert "Nothing can be learnt across tasks" in capsys.readouterr().out


def test_the_example_says_the_same_again(article):
    contender = article.by_the_article(article.relatives().train, 1, 1)
    again = article.by_the_article(article.relatives().train, 1, 1)
    assert all((contender[1].params[n] == p).all() for n, p in again[1].params.items())
