"""Inner rules, step by step, against torch.optim."""

import pytest
import torch

from innerloop.inner import Adam, Learnt, Sgd, descend

START = {"w": torch.randn(3, 2, dtype=torch.float64), "b": torch.randn(2, dtype=torch.float64)}
X = torch.randn(5, 3, dtype=torch.float64)


def loss(params):
    return ((X @ params["w"] + params["b"]).sin() ** 2).sum()


CASES = [
    (Sgd(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    (Sgd(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    (Adam(0.05), lambda p: torch.optim.Adam(p, lr=0.05)),
    (Adam(0.05, betas=(0.0, 0.999)), lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.0, 0.999))),
]


@pytest.mark.parametrize(("rule", "make"), CASES, ids=["sgd", "momentum", "adam", "reptile"])
def test_a_rule_takes_the_steps_of_torch_optim(rule, make):
    theirs = {n: p.clone().requires_grad_() for n, p in START.items()}
    optimiser = make(list(theirs.values()))
    for steps in range(1, 6):
        optimiser.zero_grad()
        loss(theirs).backward()
        optimiser.step()
        ours = descend(loss, START, rule, steps)
        for name, value in ours.items():
            torch.testing.assert_close(value, theirs[name].detach(), rtol=1e-9, atol=1e-10)


def test_learnt_rates_are_taken_elementwise():
    rule = Learnt(0.1)
    learnt = rule.learn(START)
    assert {n: float(r.mean()) for n, r in learnt.items()} == pytest.approx(
        {"inner_lr.w": 0.1, "inner_lr.b": 0.1}
    )
    same = descend(loss, START, Sgd(0.1), 2)
    found = descend(loss, START, rule, 2, learnt=learnt)
    torch.testing.assert_close(found, same)
    learnt["inner_lr.w"] = torch.zeros_like(learnt["inner_lr.w"])
    assert (descend(loss, START, rule, 2, learnt=learnt)["w"] == START["w"]).all()


def test_adam_can_be_differentiated_where_a_gradient_is_zero():
    start = {"w": torch.zeros(2, dtype=torch.float64)}

    def outer(w):
        moved = descend(lambda p: (p["w"][0] - 1) ** 2, {"w": w}, Adam(0.1), 3)
        return moved["w"].sum()

    assert torch.func.grad(outer)(start["w"]).isfinite().all()
