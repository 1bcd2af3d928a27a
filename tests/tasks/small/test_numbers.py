import numpy as np
import torch

from innerloop.tasks.small.numbers import Numbers


def numbers(*seeds):
    return Numbers([np.random.default_rng(seed) for seed in seeds])


def test_a_tasks_numbers_do_not_depend_on_its_companions():
    many, alone = numbers(1, 2, 3), numbers(2)
    for draw in ("normal", "uniform", "order"):
        assert torch.equal(getattr(many, draw)(4, 5)[1], getattr(alone, draw)(4, 5)[0])


def test_numbers_are_distributed_as_they_are_called():
    found = numbers(0)
    normal, uniform = found.normal(20_000), found.uniform(20_000, low=-1, high=3)
    assert abs(float(normal.mean())) < 0.03
    assert abs(float(normal.std()) - 1) < 0.03
    assert -1 <= float(uniform.min()) < -0.99
    assert 2.99 < float(uniform.max()) <= 3
    scale = found.log_uniform(20_000, low=0.1, high=10)
    assert abs(float((scale < 1).float().mean()) - 0.5) < 0.02


def test_an_order_has_every_number_once():
    assert torch.equal(numbers(0, 1).order(7, 3).sort(-1).values[1, 2], torch.arange(7))
